#include "methods/attention/forward/polynomial.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "numerics/row_extent.hpp"

namespace breakeven::attention {
namespace {

constexpr Index default_degree = 4;

template <class T>
constexpr double unit_roundoff = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());

/// Of each slice: max ||q||^2, max ||k - shift||^2, then max v and max -v of each column.
Index range_entries(Index d_value) {
  return 2 + 2 * d_value;
}

/// Whether the polynomial depends on the data: its degree is to be found, or its coefficients are made for a radius.
bool waits_for_ranges(const PolynomialParams& params) {
  return params.degree == unknown_index || coefficients_from_text(params.coefficients) != Coefficients::taylor;
}

/// Under a mask nobody attends to the last rank's rows but itself, which takes them block after block.
bool sends_state(const ForwardSpec& spec, int ranks, int rank) {
  return !spec.causal || rank + 1 < ranks;
}

}  // namespace

template <class T>
PolynomialParams Polynomial<T>::normalised(Params params) {
  if (params.degree == unknown_index && std::isnan(params.tolerance)) params.degree = default_degree;
  return params;
}

template <class T>
void Polynomial<T>::validate(const ForwardSpec& spec, const Params& params) {
  const bool by_tolerance = !std::isnan(params.tolerance);
  if (by_tolerance && params.degree != unknown_index)
    throw BadRequest("degree and tolerance exclude each other: one is found from the other; got degree " +
                     std::to_string(params.degree) + " and tolerance " + to_text(Value(params.tolerance)));
  if (by_tolerance && !(params.tolerance > 0 && std::isfinite(params.tolerance)))
    throw BadRequest("tolerance must be positive, got " + to_text(Value(params.tolerance)));
  if (!by_tolerance && params.degree < 0)
    throw BadRequest("degree must be at least 0, got " + std::to_string(params.degree));
  if (params.max_features < 1)
    throw BadRequest("max-features must be at least 1, got " + std::to_string(params.max_features));
  coefficients_from_text(params.coefficients);
  if (by_tolerance) return;
  const auto features = monomial_count(spec.d, params.degree);
  if (!features || *features > params.max_features)
    throw BadRequest(
        "degree must keep t = C(d + degree, degree) at most max-features = " + std::to_string(params.max_features) +
        ", got degree " + std::to_string(params.degree) + " at d = " + std::to_string(spec.d) +
        ", t = " + (features ? std::to_string(*features) : "more than 2^63"));
  // As for the data: counted in Index further on, and no machine holds as many.
  constexpr double most_entries = 0x1p56;
  const double entries = static_cast<double>(*features) * static_cast<double>(spec.slices()) *
                         static_cast<double>(spec.value_dimension() + 1);
  if (entries > most_entries)
    throw BadRequest("degree must keep the state of t batch heads (d-value + 1) entries at most 2^56, got degree " +
                     std::to_string(params.degree) + ", t = " + std::to_string(*features) + ", " +
                     to_text(Value(entries)) + " entries");
}

template <class T>
Polynomial<T>::Polynomial(const Communicator& comm, const ForwardSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      params_(params),
      rows_(block(spec.n, comm.size(), comm.rank())),
      shift_(static_cast<std::size_t>(spec.slices() * spec.d)),
      ranges_(static_cast<std::size_t>(spec.slices() * range_entries(spec.value_dimension()))),
      denominators_(static_cast<std::size_t>(rows_.size())) {
  solution_.o = Array<T>(spec.slices(), rows_.size(), spec.value_dimension());
  if (params.degree != unknown_index) plan(params.degree);
}

template <class T>
void Polynomial<T>::plan(Index degree) {
  if (kernel_ && counts_.degree_used == degree) return;
  kernel_.emplace(spec_.d, degree, spec_.value_dimension(), spec_.causal);
  counts_.features = kernel_->features();
  counts_.degree_used = degree;
  multinomials_ = kernel_->basis().multinomials();
  weights_ = multinomials_;
  local_state_.assign(static_cast<std::size_t>(kernel_->state_size()), 0);
  states_.assign(static_cast<std::size_t>(spec_.slices() * kernel_->state_size()), T{});
}

template <class T>
const ForwardSolution<T>& Polynomial<T>::run(const ForwardProblem<T>& problem) {
  const Coefficients coefficients = coefficients_from_text(params_.coefficients);
  const bool degree_known = params_.degree != unknown_index;
  centre(problem);
  std::ranges::fill(ranges_, -std::numeric_limits<double>::infinity());
  if (degree_known) accumulate(problem, /*looking=*/true);  // the state does not depend on the ranges
  if (waits_for_ranges(params_)) {
    look_at_queries(problem);
    if (!degree_known)
      for (Index slice = 0; slice < spec_.slices(); ++slice) look_at_keys(problem, slice);
  } else {  // nor does the answer, and each row is read once
    answer(problem, exp_polynomial(coefficients, params_.degree, 0).c);
  }
  const DataRange range = reduce_ranges();
  if (degree_known)
    certificate_ = certify(coefficients, params_.degree, counts_.features, range, unit_roundoff<T>);
  else
    certificate_ =
        certify_tolerance(coefficients, params_.tolerance, spec_.d, params_.max_features, range, unit_roundoff<T>);
  plan(certificate_.degree);
  counts_.score_bound = range.score_radius;
  if (!degree_known) accumulate(problem, /*looking=*/false);
  if (waits_for_ranges(params_)) answer(problem, certificate_.polynomial.c);
  return solution_;
}

/// shift = mean of the keys of each slice: softmax does not see a constant added to all keys, but the scores shrink.
template <class T>
void Polynomial<T>::centre(const ForwardProblem<T>& problem) {
  if (!params_.centre_keys) return;
  std::vector<double> sums(shift_.size(), 0);
  for (Index slice = 0; slice < spec_.slices(); ++slice)
    for (Index i = 0; i < rows_.size(); ++i) {
      const T* key = problem.k.row(slice, i);
      double* sum = sums.data() + slice * spec_.d;
      for (Index c = 0; c < spec_.d; ++c) sum[c] += static_cast<double>(key[c]);
    }
  comm_.all_reduce(std::span<double>(sums));
  for (std::size_t i = 0; i < sums.size(); ++i) shift_[i] = static_cast<T>(sums[i] / static_cast<double>(spec_.n));
}

template <class T>
std::span<double> Polynomial<T>::range_of(Index slice) {
  const auto size = static_cast<std::size_t>(range_entries(spec_.value_dimension()));
  return std::span(ranges_).subspan(static_cast<std::size_t>(slice) * size, size);
}

template <class T>
void Polynomial<T>::look_at_queries(const ForwardProblem<T>& problem) {
  for (Index slice = 0; slice < spec_.slices(); ++slice)
    range_of(slice)[0] = largest_squared_norm(problem.q.slice(slice), rows_.size(), spec_.d);
}

template <class T>
void Polynomial<T>::look_at_keys(const ForwardProblem<T>& problem, Index slice) {
  range_of(slice)[1] = largest_squared_norm(problem.k.slice(slice), rows_.size(), spec_.d, shift_of(slice));
  look_at_values(problem, slice, {0, rows_.size()});
}

template <class T>
void Polynomial<T>::look_at_values(const ForwardProblem<T>& problem, Index slice, Range rows) {
  const auto columns = static_cast<std::size_t>(spec_.value_dimension());
  const std::span<double> mine = range_of(slice).subspan(2);
  raise_to_columns(problem.v.row(slice, rows.begin), rows.size(), spec_.value_dimension(), mine.first(columns),
                   mine.last(columns));
}

/// One reduction for all.
template <class T>
DataRange Polynomial<T>::reduce_ranges() {
  comm_.all_reduce(std::span<double>(ranges_), Reduction::maximum);
  const Index d_value = spec_.value_dimension();
  DataRange range;
  double spread = 0, magnitude = 0;
  for (Index slice = 0; slice < spec_.slices(); ++slice) {
    const double* all = ranges_.data() + slice * range_entries(d_value);
    range.score_radius = std::max(range.score_radius, spec_.scale_factor() * std::sqrt(all[0] * all[1]));
    for (Index c = 0; c < d_value; ++c) {
      spread = std::max(spread, all[2 + c] + all[2 + d_value + c]);
      magnitude = std::max({magnitude, all[2 + c], all[2 + d_value + c]});
    }
  }
  range.value_spread = magnitude > 0 ? spread / magnitude : 0;
  return range;
}

template <class T>
std::span<const T> Polynomial<T>::shift_of(Index slice) const {
  if (!params_.centre_keys) return {};
  return std::span(shift_).subspan(static_cast<std::size_t>(slice * spec_.d), static_cast<std::size_t>(spec_.d));
}

template <class T>
std::span<T> Polynomial<T>::slice_of(AlignedVector<T>& states, Index slice) const {
  const auto size = static_cast<std::size_t>(kernel_->state_size());
  return std::span<T>(states).subspan(static_cast<std::size_t>(slice) * size, size);
}

/// S_r of every slice, in float64 here, rounded once for the journey.
template <class T>
void Polynomial<T>::accumulate(const ForwardProblem<T>& problem, bool looking) {
  const bool needed = sends_state(spec_, comm_.size(), comm_.rank());
  for (Index slice = 0; slice < spec_.slices(); ++slice) {
    std::fill(local_state_.begin(), local_state_.end(), 0.0);
    std::function<void(Range)> look;
    if (looking) look = [&, slice](Range rows) { look_at_values(problem, slice, rows); };
    if (needed)
      range_of(slice)[1] = kernel_->accumulate(problem.k.slice(slice), problem.v.slice(slice), rows_.size(),
                                               local_state_, shift_of(slice), look);
    else if (looking)
      look_at_keys(problem, slice);
    std::transform(local_state_.begin(), local_state_.end(), slice_of(states_, slice).begin(),
                   [](double sum) { return static_cast<T>(sum); });
  }
}

template <class T>
void Polynomial<T>::answer(const ForwardProblem<T>& problem, std::span<const double> c) {
  solution_.denominator_min = std::numeric_limits<double>::infinity();
  solution_.denominators_not_positive = 0;
  if (spec_.causal)
    comm_.exclusive_scan(std::span<T>(states_));
  else
    comm_.all_reduce(std::span<T>(states_));
  kernel_->basis().weigh(c, spec_.scale_factor(), multinomials_, weights_);
  for (Index slice = 0; slice < spec_.slices(); ++slice) {
    range_of(slice)[0] = spec_.causal ? answer_causal(problem, slice, c) : answer_full(problem, slice);
    count_denominators();
  }
}

template <class T>
double Polynomial<T>::answer_full(const ForwardProblem<T>& problem, Index slice) {
  const Index columns = spec_.value_dimension() + 1;
  const std::span<T> state = slice_of(states_, slice);
  for (Index a = 0; a < counts_.features; ++a)  // w_a once, after the reduction: not once a token
    for (Index c = 0; c < columns; ++c)
      state[static_cast<std::size_t>(a * columns + c)] *= static_cast<T>(weights_[static_cast<std::size_t>(a)]);
  return kernel_->apply(problem.q.slice(slice), rows_.size(), state, solution_.o.slice(slice), denominators_.data());
}

template <class T>
double Polynomial<T>::answer_causal(const ForwardProblem<T>& problem, Index slice, std::span<const double> c) {
  const std::span<T> before = slice_of(states_, slice);
  std::copy(before.begin(), before.end(), local_state_.begin());
  return kernel_->causal(problem.q.slice(slice), problem.k.slice(slice), problem.v.slice(slice), rows_.size(),
                         local_state_, weights_, c, spec_.scale_factor(), solution_.o.slice(slice),
                         denominators_.data(), shift_of(slice));
}

template <class T>
void Polynomial<T>::count_denominators() {
  if (spec_.causal)
    for (Index i = 0; i < rows_.size(); ++i)
      denominators_[static_cast<std::size_t>(i)] /= static_cast<T>(rows_.begin + i + 1);
  const LowEntries low = low_entries(denominators_.data(), rows_.size());
  const double keys = spec_.causal ? 1 : static_cast<double>(spec_.n);
  solution_.denominators_not_positive += low.not_positive;
  solution_.denominator_min = std::min(solution_.denominator_min, low.smallest / keys);
}

template <class T>
Promise Polynomial<T>::promise() const {
  return to_promise(certificate_, coefficients_from_text(params_.coefficients), params_.tolerance);
}

template <class T>
PolynomialCounts Polynomial<T>::expected(const ForwardSpec& spec, const Params& params) {
  Index degree = params.degree;
  if (degree == unknown_index) {
    // The worst score that the entries allow, values spread over [-max |V|, max |V|]; a file has not been looked at
    // yet.
    const double radius = std::isnan(spec.bound) ? 1 : spec.score_bound();
    degree = certify_tolerance(coefficients_from_text(params.coefficients), params.tolerance, spec.d,
                               params.max_features, {radius, 2}, unit_roundoff<T>)
                 .degree;
  }
  return {monomial_count(spec.d, degree).value_or(unknown_index), degree, spec.score_bound()};
}

template <class T>
Schedule Polynomial<T>::schedule(const ForwardSpec& spec, const Params& params, const Counts& counts, int ranks,
                                 int rank) {
  const auto word = static_cast<Index>(sizeof(T)), real = static_cast<Index>(sizeof(double));
  const Index rows = block(spec.n, ranks, rank).size(), slices = spec.slices(), d_value = spec.value_dimension();
  const Index state = counts.features * (d_value + 1), degree = counts.degree_used;
  const auto per_slice = [&](double value) { return static_cast<double>(slices) * value; };
  const double keys_and_values = per_slice(static_cast<double>(rows * (spec.d + d_value) * word));

  Schedule schedule;
  if (params.centre_keys) {
    schedule.compute(per_slice(static_cast<double>(rows * spec.d)), keys_and_values);
    schedule.communicate(Operation::all_reduce, slices * spec.d * real);
  }
  const bool summed = sends_state(spec, ranks, rank), degree_known = params.degree != unknown_index;
  const auto accumulate = [&] {
    if (summed)
      schedule.compute(per_slice(FeatureKernel<T>::accumulate_flops(spec.d, degree, d_value, rows)), keys_and_values);
  };
  const auto answer = [&] {
    schedule.communicate(spec.causal ? Operation::exclusive_scan : Operation::all_reduce, slices * state * word);
    schedule.compute(per_slice(spec.causal ? FeatureKernel<T>::causal_flops(spec.d, degree, d_value, rows)
                                           : FeatureKernel<T>::apply_flops(spec.d, degree, d_value, rows)),
                     keys_and_values);
  };
  const bool waits = waits_for_ranges(params);
  // Words of a row that are read for the ranges alone.
  const Index read = (waits ? spec.d : 0) + (summed && degree_known ? 0 : spec.d + d_value);
  schedule.compute(per_slice(static_cast<double>(rows * (5 * spec.d + 2 * d_value))),
                   per_slice(static_cast<double>(rows * read * word)));
  if (degree_known) accumulate();
  if (!waits) answer();
  schedule.communicate(Operation::all_reduce, slices * range_entries(d_value) * real);
  if (!degree_known) accumulate();
  if (waits) answer();
  return schedule.resident(FeatureKernel<T>::bytes(spec.d, degree, d_value, spec.causal) +
                           (state + 2 * counts.features) * real + slices * state * word + slices * spec.d * word +
                           slices * range_entries(d_value) * real + rows * word +
                           solution_bytes<T>(spec, Layout::contiguous(spec.n, ranks), rank));
}

template class Polynomial<float>;
template class Polynomial<double>;

}  // namespace breakeven::attention
