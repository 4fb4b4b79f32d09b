#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "harness/typed.hpp"
#include "methods/regression/least_squares/cholesky_qr2.hpp"
#include "methods/regression/least_squares/generators.hpp"
#include "methods/regression/least_squares/normal_equations.hpp"
#include "methods/regression/least_squares/refined_gram.hpp"
#include "methods/regression/least_squares/tsqr.hpp"

// Least squares on chosen numbers: data in memory, every exact method, and what makes answers comparable.
namespace breakeven::testing_support {

using regression::LeastSquaresProblem;
using regression::LeastSquaresQuality;
using regression::LeastSquaresReference;
using regression::LeastSquaresSolution;
using regression::LeastSquaresSpec;

/// A and B as the test chose them, whole on every rank.
struct LeastSquaresData {
  LeastSquaresSpec spec;
  Array<double> a, b;
  Array<double> test_a, test_b;

  explicit LeastSquaresData(const LeastSquaresSpec& wanted)
      : spec(wanted), a(1, spec.n, spec.d), b(1, spec.n, spec.rhs) {}

  /// What `--data` of the spec generates.
  static LeastSquaresData generated(const LeastSquaresSpec& wanted, std::uint64_t seed = 1) {
    LeastSquaresData data(wanted);
    const regression::GeneratedSource<double> source(data.spec, seed);
    source.rows("a", 0, {0, data.spec.n}, data.a.span());
    source.rows("b", 0, {0, data.spec.n}, data.b.span());
    return data;
  }
};

/// Serves numbers that lie in memory, rounded to T.
template <class T>
class LeastSquaresMemory final : public Source<T> {
 public:
  explicit LeastSquaresMemory(const LeastSquaresData& data) : data_(data) {}
  Index columns(std::string_view name) const override { return array(name).columns(); }

 protected:
  void fill(std::string_view name, Index, Range range, std::span<T> out) const override {
    const double* row = array(name).row(0, range.begin);
    std::transform(row, row + range.size() * columns(name), out.begin(), [](double x) { return static_cast<T>(x); });
  }

 private:
  const Array<double>& array(std::string_view name) const {
    return name == "a" ? data_.a : name == "b" ? data_.b : name == "a_test" ? data_.test_a : data_.test_b;
  }
  const LeastSquaresData& data_;
};

/// What a method made of the data, equal on all ranks.
struct LeastSquaresRun {
  Array<double> x;
  LeastSquaresQuality quality;
  Promise promise;
  Values counts;

  bool fell_back() const { return std::get<bool>(*find(counts, "fell_back")); }
};

template <class T>
Array<double> in_float64(const Array<T>& values) {
  Array<double> result(values.slices(), values.rows(), values.columns());
  std::copy(values.span().begin(), values.span().end(), result.data());
  return result;
}

template <class T>
LeastSquaresReference reference_of(const Communicator& comm, const LeastSquaresData& data) {
  return LeastSquaresProblem<T>::reference(comm, data.spec, LeastSquaresMemory<T>(data), 1);
}

/// Quality of an answer that a test made up.
template <class T>
LeastSquaresQuality quality_of(const Communicator& comm, const LeastSquaresData& data, const Array<double>& x) {
  const LeastSquaresMemory<T> source(data);
  const LeastSquaresProblem<T> problem(data.spec, source, Layout::contiguous(data.spec.n, comm.size()), comm.rank());
  LeastSquaresSolution<T> solution{Array<T>(1, x.rows(), x.columns())};
  std::transform(x.span().begin(), x.span().end(), solution.x.data(), [](double v) { return static_cast<T>(v); });
  return LeastSquaresProblem<T>::quality(comm, LeastSquaresProblem<T>::reference(comm, data.spec, source, 1), problem,
                                         solution);
}

template <class T, template <class> class M>
LeastSquaresRun solve(const Communicator& comm, const LeastSquaresData& data,
                      const typename M<T>::Params& params = {}) {
  const LeastSquaresSpec& spec = data.spec;
  M<T>::validate(spec, params);
  const Layout layout = layout_of<LeastSquaresProblem<T>, M<T>>(spec, params, comm.size());
  const LeastSquaresMemory<T> source(data);
  const LeastSquaresProblem<T> problem(spec, source, layout, comm.rank());
  M<T> method(comm, spec, params);
  const LeastSquaresSolution<T>& solution = method.run(problem);
  return {in_float64(solution.x),
          LeastSquaresProblem<T>::quality(comm, LeastSquaresProblem<T>::reference(comm, spec, source, 1), problem,
                                          solution),
          method.promise(), to_values(method.counts())};
}

/// One method under its name.
struct LeastSquaresMethod {
  std::string name;
  std::function<LeastSquaresRun(const Communicator&, const LeastSquaresData&, Precision)> run;
};

template <template <class> class M>
LeastSquaresMethod least_squares_method() {
  return {std::string(M<double>::name),
          [](const Communicator& comm, const LeastSquaresData& data, Precision precision) {
            return precision == Precision::f32 ? solve<float, M>(comm, data) : solve<double, M>(comm, data);
          }};
}

/// Methods that promise a backward error at rounding level.
inline std::vector<LeastSquaresMethod> stable_methods() {
  return {least_squares_method<regression::Tsqr>(), least_squares_method<regression::RefinedGram>(),
          least_squares_method<regression::CholeskyQr2>()};
}

inline std::vector<LeastSquaresMethod> exact_methods() {
  std::vector<LeastSquaresMethod> all = stable_methods();
  all.push_back(least_squares_method<regression::NormalEquations>());
  return all;
}

inline LeastSquaresSpec least_squares_spec(Index n, Index d, const std::string& data = "gaussian") {
  LeastSquaresSpec spec;
  spec.n = n;
  spec.d = d;
  spec.data = data;
  return spec;
}

inline LeastSquaresSpec graded_spec(Index n, Index d, double condition, double noise = 0.1) {
  LeastSquaresSpec spec = least_squares_spec(n, d, "graded");
  spec.condition = condition;
  spec.noise = noise;
  return spec;
}

inline double norm(const Array<double>& a) {
  double squares = 0;
  for (const double entry : a.span()) squares += entry * entry;
  return std::sqrt(squares);
}

inline Array<double> minus(Array<double> a, const Array<double>& b) {
  for (Index i = 0; i < a.size(); ++i) a.data()[i] -= b.data()[i];
  return a;
}

/// |A X - B|_F^2 + ridge |X|_F^2 from the definition, in long double.
inline double objective(const LeastSquaresData& data, const Array<double>& x) {
  long double sum = 0;
  for (Index i = 0; i < data.spec.n; ++i)
    for (Index j = 0; j < data.spec.rhs; ++j) {
      long double residual = data.b(0, i, j);
      for (Index c = 0; c < data.spec.d; ++c) residual -= static_cast<long double>(data.a(0, i, c)) * x(0, c, j);
      sum += residual * residual;
    }
  for (const double entry : x.span()) sum += static_cast<long double>(data.spec.ridge) * entry * entry;
  return static_cast<double>(sum);
}

}  // namespace breakeven::testing_support
