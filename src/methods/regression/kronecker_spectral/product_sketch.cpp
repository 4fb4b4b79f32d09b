#include "methods/regression/kronecker_spectral/product_sketch.hpp"

#include <algorithm>
#include <cmath>

#include "methods/regression/kronecker/options.hpp"
#include "methods/regression/refusals.hpp"

namespace breakeven::regression::kronecker_spectral {
namespace {

constexpr double default_tolerance = 0.5;

/// The sketch of one factor. The two factors draw from different seeds, or S1 would equal S2.
Sketch sketch_of(const ProductSketchParams& params, Index rows, int factor) {
  Sketch sketch;
  sketch.kind = params.sketch == "count" ? SketchKind::count : SketchKind::osnap;
  sketch.rows = rows;
  sketch.draw = static_cast<std::uint64_t>(2 * params.draw + factor);
  return sketch;
}

Index rows_of(const KroneckerSpec& spec, const ProductSketchParams& params, int factor) {
  const Index rows =
      params.rows != unknown_index ? params.rows : rows_for_whitened_error(spec.columns(factor), params.tolerance);
  const Index nonzeros = Sketch{}.nonzeros, short_of = (nonzeros - rows % nonzeros) % nonzeros;
  const bool can_grow = params.sketch == "osnap" && rows <= std::numeric_limits<Index>::max() - nonzeros;
  return can_grow ? rows + short_of : rows;
}

std::array<Index, 2> rows_of(const KroneckerSpec& spec, const ProductSketchParams& params) {
  return {rows_of(spec, params, 0), rows_of(spec, params, 1)};
}

Index words(const KroneckerSpec& spec, std::array<Index, 2> rows) {
  return rows[0] * spec.d + rows[1] * spec.second_columns();
}

}  // namespace

template <class T>
ProductSketchParams ProductSketch<T>::normalised(Params params) {
  if (params.rows == unknown_index && std::isnan(params.tolerance)) params.tolerance = default_tolerance;
  return params;
}

template <class T>
void ProductSketch<T>::validate(const KroneckerSpec& spec, const Params& params) {
  require_one_of("rows", params.rows, params.tolerance);
  validate_draw(params.draw);
  require_draws("rows", rows_of(spec, params, 0), "d", spec.d);
  require_draws("rows", rows_of(spec, params, 1), "d2", spec.second_columns());
}

template <class T>
ProductSketch<T>::ProductSketch(const Communicator& comm, const KroneckerSpec& spec, const Params& params)
    : comm_(comm), spec_(spec), params_(params), rows_(rows_of(spec, params)) {
  if (params.sketch == "leverage") {
    sampler_.emplace(comm, spec, rows_, params.draw);
    weighted_ = {WeightedRows(rows_[0], spec.d), WeightedRows(rows_[1], spec.second_columns())};
  } else {
    travelling_.resize(static_cast<std::size_t>(words(spec, rows_)));
  }
  solution_.rows = rows_;
  solution_.parts = {Array<T>(1, rows_[0], spec.d), Array<T>(1, rows_[1], spec.second_columns())};
}

template <class T>
const KroneckerSpectralSolution<T>& ProductSketch<T>::run(const KroneckerSpectralProblem<T>& problem) {
  if (sampler_)
    weigh_drawn_rows(problem.factors);
  else
    combine_rows(problem.factors);
  return solution_;
}

template <class T>
void ProductSketch<T>::weigh_drawn_rows(const KroneckerFactors<T>& factors) {
  sampler_->run(factors);
  for (const int factor : {0, 1}) {
    const auto at = static_cast<std::size_t>(factor);
    sampler_->weigh(factor, weighted_[at]);
    const std::span<const double> rows = weighted_[at].rows.span();
    std::transform(rows.begin(), rows.end(), solution_.parts[at].data(), [](double x) { return static_cast<T>(x); });
  }
}

template <class T>
void ProductSketch<T>::combine_rows(const KroneckerFactors<T>& factors) {
  std::fill(travelling_.begin(), travelling_.end(), T(0));
  T* out = travelling_.data();
  for (const int factor : {0, 1}) {
    const auto at = static_cast<std::size_t>(factor);
    const Array<T>& a = factors.a[at];
    sketch_of(params_, rows_[at], factor).add(a.data(), a.rows(), a.columns(), factors.rows[at].begin, out);
    out += rows_[at] * a.columns();
  }
  comm_.all_reduce(std::span<T>(travelling_));
  const T* in = travelling_.data();
  for (Array<T>& part : solution_.parts) {
    std::copy_n(in, part.size(), part.data());
    in += part.size();
  }
}

template <class T>
Promise ProductSketch<T>::promise() const {
  // Twice the law of each factor; CountSketch keeps no such law below d^2 rows.
  double product = 1;
  for (const int factor : {0, 1})
    product *= 1 + 4 * std::sqrt(static_cast<double>(spec_.columns(factor)) /
                                 static_cast<double>(rows_[static_cast<std::size_t>(factor)]));
  if (params_.sketch != "count")
    return {Promise::Kind::probable, "error", product - 1, saving_note_of_factors(spec_, rows_)};
  return {Promise::Kind::none, "", std::numeric_limits<double>::quiet_NaN(),
          "a CountSketch may lose rows that matter: nothing is known below d^2 rows"};
}

template <class T>
ProductSketchCounts ProductSketch<T>::expected(const KroneckerSpec& spec, const Params& params) {
  const std::array<Index, 2> rows = rows_of(spec, params);
  const bool drawn = params.sketch == "leverage";
  return {std::max(rows[0], rows[1]), drawn ? LeverageSampler<T>::expected_distinct(spec, rows) : unknown_index};
}

template <class T>
Schedule ProductSketch<T>::schedule(const KroneckerSpec& spec, const Params& params, const Counts&, int ranks,
                                    int rank) {
  const auto word = static_cast<Index>(sizeof(T));
  const std::array<Index, 2> rows = rows_of(spec, params);
  const Index kept = words(spec, rows) * word;
  Schedule schedule;
  if (params.sketch == "leverage") {
    LeverageSampler<T>::add_steps(spec, rows, ranks, rank, schedule);
    double flops = 0;
    for (const int factor : {0, 1})
      flops +=
          static_cast<double>(rows[static_cast<std::size_t>(factor)] * spec.columns(factor) * spec.columns(factor));
    schedule.compute(flops, static_cast<double>(2 * kept));
    return schedule.resident(LeverageSampler<T>::bytes(spec, rows, ranks, rank) + kept +
                             WeightedRows::bytes(rows[0], spec.d) +
                             WeightedRows::bytes(rows[1], spec.second_columns()));
  }
  for (const int factor : {0, 1}) {
    const Index local = block(spec.rows(factor), ranks, rank).size(), d = spec.columns(factor);
    const Index k = rows[static_cast<std::size_t>(factor)];
    schedule.compute(sketch_of(params, k, factor).flops(local, d), static_cast<double>((local + k) * d * word));
  }
  schedule.communicate(Operation::all_reduce, kept);
  return schedule.resident(2 * kept);
}

template class ProductSketch<float>;
template class ProductSketch<double>;

}  // namespace breakeven::regression::kronecker_spectral
