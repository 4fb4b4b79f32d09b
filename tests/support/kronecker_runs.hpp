#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "harness/typed.hpp"
#include "methods/regression/kronecker/generators.hpp"
#include "methods/regression/kronecker/oracle.hpp"
#include "methods/regression/kronecker_regression/leverage_pairs.hpp"
#include "methods/regression/kronecker_regression/product_sketch.hpp"
#include "methods/regression/kronecker_regression/qr_factors.hpp"
#include "methods/regression/kronecker_spectral/leverage_pairs.hpp"
#include "methods/regression/kronecker_spectral/product_sketch.hpp"
#include "methods/regression/kronecker_spectral/qr_factors.hpp"
#include "numerics/small_dense.hpp"

// Kronecker problems on chosen numbers: data in memory, any method, and the product formed to compare with.
namespace breakeven::testing_support {

using regression::KroneckerRegressionProblem;
using regression::KroneckerRegressionQuality;
using regression::KroneckerRegressionReference;
using regression::KroneckerRegressionSolution;
using regression::KroneckerRegressionSpec;
using regression::KroneckerSource;
using regression::KroneckerSpec;
using regression::KroneckerSpectralProblem;
using regression::KroneckerSpectralQuality;
using regression::KroneckerSpectralReference;
using regression::KroneckerSpectralSolution;

/// A1, A2 and B as the test chose them, whole on every rank.
struct KroneckerData {
  Array<double> a1, a2, b;

  /// What `--data` of the spec generates.
  static KroneckerData generated(const KroneckerRegressionSpec& spec, std::uint64_t seed = 1) {
    const KroneckerSource<double> source(spec, spec.noise, seed);
    return {source.rows("a1", 0, {0, spec.n}), source.rows("a2", 0, {0, spec.second_rows()}),
            source.rows("b", 0, {0, spec.n})};
  }

  /// A1 (x) A2: row i n2 + j is a1_i (x) a2_j.
  Array<double> product() const {
    Array<double> whole(1, a1.rows() * a2.rows(), a1.columns() * a2.columns());
    for (Index i = 0; i < a1.rows(); ++i)
      for (Index j = 0; j < a2.rows(); ++j)
        for (Index p = 0; p < a1.columns(); ++p)
          for (Index q = 0; q < a2.columns(); ++q)
            whole(0, i * a2.rows() + j, p * a2.columns() + q) = a1(0, i, p) * a2(0, j, q);
    return whole;
  }

  /// |A1 X A2' - B|_F^2 from the definition.
  double squared_residual(const Array<double>& x) const {
    const Array<double> fitted = product_transposed_right(breakeven::product(a1, x), a2);
    double sum = 0;
    for (Index i = 0; i < b.size(); ++i) sum += std::pow(fitted.data()[i] - b.data()[i], 2);
    return sum;
  }
};

/// Serves numbers that lie in memory, rounded to T.
template <class T>
class KroneckerMemory final : public Source<T> {
 public:
  explicit KroneckerMemory(const KroneckerData& data) : data_(data) {}
  Index columns(std::string_view name) const override { return array(name).columns(); }

 protected:
  void fill(std::string_view name, Index, Range range, std::span<T> out) const override {
    const double* row = array(name).row(0, range.begin);
    std::transform(row, row + range.size() * columns(name), out.begin(), [](double x) { return static_cast<T>(x); });
  }

 private:
  const Array<double>& array(std::string_view name) const {
    return name == "a1" ? data_.a1 : name == "a2" ? data_.a2 : data_.b;
  }
  const KroneckerData& data_;
};

/// What a method made of the data.
template <class P>
struct KroneckerRun {
  typename P::Solution solution;
  typename P::Quality quality;
  Promise promise;
};

template <class P, template <class> class M>
KroneckerRun<P> run_on(const Communicator& comm, const Source<typename P::Scalar>& source, const typename P::Spec& spec,
                       const typename M<double>::Params& params, const typename P::Reference& reference) {
  using Method = M<typename P::Scalar>;
  Method::validate(spec, params);
  const P problem(spec, source, Layout::contiguous(spec.n, comm.size()), comm.rank());
  Method method(comm, spec, params);
  const typename P::Solution& solution = method.run(problem);
  return {solution, P::quality(comm, reference, problem, solution), method.promise()};
}

template <class P, template <class> class M>
KroneckerRun<P> run_on(const Communicator& comm, const Source<typename P::Scalar>& source, const typename P::Spec& spec,
                       const typename M<double>::Params& params) {
  return run_on<P, M>(comm, source, spec, params, P::reference(comm, spec, source, 1));
}

inline KroneckerRegressionSpec kronecker_spec(Index n, Index d, const std::string& data = "gaussian", Index n2 = 0,
                                              Index d2 = 0) {
  KroneckerRegressionSpec spec;
  spec.n = n, spec.d = d, spec.n2 = n2, spec.d2 = d2, spec.data = data;
  return spec;
}

/// Params of a sampling method with a count and a draw; `count` is samples or rows.
template <class Params>
Params drawn(Index Params::*count, Index value, Index draw) {
  Params params;
  params.*count = value;
  params.draw = draw;
  return params;
}

/// Condition numbers of both factors multiplied: what rounding of answers is amplified by.
inline double condition(const std::array<Array<double>, 2>& r) {
  return 1 / (reciprocal_condition(r[0]) * reciprocal_condition(r[1]));
}

}  // namespace breakeven::testing_support
