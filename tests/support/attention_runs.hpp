#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "harness/typed.hpp"
#include "methods/attention/forward/allgather.hpp"
#include "methods/attention/forward/dense.hpp"
#include "methods/attention/forward/generators.hpp"
#include "methods/attention/forward/polynomial.hpp"
#include "methods/attention/forward/ring.hpp"

// Attention on chosen numbers: data in memory, every method in several settings, and the definition to compare with.
namespace breakeven::testing_support {

using attention::ForwardProblem;
using attention::ForwardQuality;
using attention::ForwardReference;
using attention::ForwardSolution;
using attention::ForwardSpec;

/// Q, K and V as the test chose them, whole on every rank.
struct AttentionData {
  ForwardSpec spec;
  Array<double> q, k, v;

  explicit AttentionData(const ForwardSpec& wanted)
      : spec(wanted),
        q(spec.slices(), spec.n, spec.d),
        k(spec.slices(), spec.n, spec.d),
        v(spec.slices(), spec.n, spec.value_dimension()) {}

  /// What `--data` of the spec generates.
  static AttentionData generated(const ForwardSpec& wanted, std::uint64_t seed = 1) {
    AttentionData data(wanted);
    const attention::GeneratedSource<double> source(data.spec, seed);
    for (auto [name, array] : {std::pair{"q", &data.q}, std::pair{"k", &data.k}, std::pair{"v", &data.v}})
      for (Index slice = 0; slice < data.spec.slices(); ++slice) {
        const Array<double> rows = source.rows(name, slice, {0, data.spec.n});
        std::copy(rows.span().begin(), rows.span().end(), array->slice(slice));
      }
    return data;
  }
};

/// Serves numbers that lie in memory, rounded to T.
template <class T>
class MemorySource final : public Source<T> {
 public:
  explicit MemorySource(const AttentionData& data) : data_(data) {}
  Index columns(std::string_view name) const override { return array(name).columns(); }

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<T> out) const override {
    const double* row = array(name).row(slice, range.begin);
    std::transform(row, row + range.size() * columns(name), out.begin(), [](double x) { return static_cast<T>(x); });
  }

 private:
  const Array<double>& array(std::string_view name) const {
    return name == "q" ? data_.q : name == "k" ? data_.k : data_.v;
  }
  const AttentionData& data_;
};

/// What a method made of the data: O in global order, equal on all ranks.
struct AttentionRun {
  Array<double> o;
  ForwardQuality quality;
  Promise promise;
  Values counts;
};

template <class T, template <class> class M>
AttentionRun attend(const Communicator& comm, const AttentionData& data, const typename M<T>::Params& params) {
  const ForwardSpec& spec = data.spec;
  M<T>::validate(spec, params);
  const Layout layout = layout_of<ForwardProblem<T>, M<T>>(spec, params, comm.size());
  const MemorySource<T> source(data);
  const ForwardProblem<T> problem(spec, source, layout, comm.rank());
  M<T> method(comm, spec, params);
  const ForwardSolution<T>& solution = method.run(problem);

  AttentionRun run{
      Array<double>(spec.slices(), spec.n, spec.value_dimension()),
      ForwardProblem<T>::quality(comm, ForwardProblem<T>::reference(comm, spec, source, 1), problem, solution),
      method.promise(), to_values(method.counts())};
  for (Index slice = 0; slice < spec.slices(); ++slice) {
    Index local = 0;
    for (const Range& range : layout.ranges(comm.rank())) {
      for (Index i = range.begin; i < range.end; ++i, ++local)
        std::copy_n(solution.o.row(slice, local), spec.value_dimension(), run.o.row(slice, i));
    }
  }
  comm.all_reduce(run.o.span());
  return run;
}

/// One method with its parameters.
struct Setting {
  std::string name;
  bool exact;
  std::function<AttentionRun(const Communicator&, const AttentionData&, Precision)> run;
};

template <template <class> class M>
Setting setting(const std::string& name, bool exact, const typename M<double>::Params& params) {
  return {name, exact, [params](const Communicator& comm, const AttentionData& data, Precision precision) {
            return precision == Precision::f32 ? attend<float, M>(comm, data, params)
                                               : attend<double, M>(comm, data, params);
          }};
}

inline Setting polynomial(const attention::PolynomialParams& params) {
  return setting<attention::Polynomial>("polynomial " + params.coefficients + " degree " +
                                            std::to_string(params.degree) + " tolerance " +
                                            to_text(Value(params.tolerance)) + (params.centre_keys ? " centred" : ""),
                                        false, params);
}

inline attention::PolynomialParams of_degree(Index degree, const std::string& coefficients = "taylor",
                                             bool centre = false) {
  attention::PolynomialParams params;
  params.degree = degree;
  params.coefficients = coefficients;
  params.centre_keys = centre;
  return params;
}

inline attention::PolynomialParams of_tolerance(double tolerance, const std::string& coefficients,
                                                Index max_features = 65'536) {
  attention::PolynomialParams params;
  params.tolerance = tolerance;
  params.coefficients = coefficients;
  params.max_features = max_features;
  return params;
}

inline std::vector<Setting> exact_settings() {
  return {setting<attention::Ring>("ring", true, {}), setting<attention::Ring>("ring maximum none", true, {"none"}),
          setting<attention::AllGather>("allgather", true, {}), setting<attention::Dense>("dense", true, {})};
}

inline std::vector<Setting> polynomial_settings() {
  return {polynomial(of_degree(0)),
          polynomial(of_degree(4)),
          polynomial(of_degree(4, "taylor", true)),
          polynomial(of_degree(3, "chebyshev")),
          polynomial(of_degree(5, "minimax", true)),
          polynomial(of_tolerance(1e-3, "minimax"))};
}

inline std::vector<Setting> all_settings() {
  std::vector<Setting> all = exact_settings();
  for (Setting& one : polynomial_settings()) all.push_back(std::move(one));
  return all;
}

/// Attention from its definition, the weight of a score given: exp, or a polynomial of the score with the shifted key.
inline Array<double> defined_attention(const AttentionData& data, const std::function<double(double)>& weight,
                                       const std::vector<double>& key_shift = {}) {
  const ForwardSpec& spec = data.spec;
  Array<double> o(spec.slices(), spec.n, spec.value_dimension());
  for (Index slice = 0; slice < spec.slices(); ++slice)
    for (Index i = 0; i < spec.n; ++i) {
      double total = 0;
      for (Index j = 0; j < (spec.causal ? i + 1 : spec.n); ++j) {
        double score = 0;
        for (Index c = 0; c < spec.d; ++c) {
          const double shift = key_shift.empty() ? 0 : key_shift[static_cast<std::size_t>(slice * spec.d + c)];
          score += data.q(slice, i, c) * (data.k(slice, j, c) - shift);
        }
        const double w = weight(spec.scale_factor() * score);
        total += w;
        for (Index c = 0; c < o.columns(); ++c) o(slice, i, c) += w * data.v(slice, j, c);
      }
      for (Index c = 0; c < o.columns(); ++c) o(slice, i, c) /= total;
    }
  return o;
}

inline Array<double> exact_attention(const AttentionData& data) {
  return defined_attention(data, [](double score) { return std::exp(score); });
}

/// Infinity if a NaN is among them or the sizes differ.
inline double largest_difference(const Array<double>& a, const Array<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a.data()[i] - b.data()[i]);
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
  }
  return largest;
}

/// Rounding of a weighted mean of n values of size one: sums in any order differ by less than n roundings, 4 for scores
/// and exponentials. A polynomial's terms add up to p_abs(R) e^R times its denominator, at most about e^(2 R).
inline double rounding(Precision precision, const Setting& method, const ForwardSpec& spec, double score_radius) {
  const double eps = precision == Precision::f32 ? 0x1p-23 : 0x1p-52;
  return 4 * eps * static_cast<double>(spec.n + 8) * (method.exact ? 1 + score_radius : std::exp(2 * score_radius));
}

}  // namespace breakeven::testing_support
