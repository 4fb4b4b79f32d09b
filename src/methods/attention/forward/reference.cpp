#include <algorithm>
#include <cmath>
#include <limits>

#include "base/philox.hpp"
#include "methods/attention/forward/problem.hpp"

// The oracle of attention/forward: float64, straight from the definition, shares no code with any method. It works on
// the values the methods were given (rounded to their scalar) and on the same global rows whatever the method, layout
// and number of ranks.
namespace breakeven::attention {
namespace {

constexpr Index rows_checked_fully = 4096;  // up to here every row is compared
constexpr Index rows_sampled = 1024;        // above, this many; O(rows n d) stays affordable at any n
constexpr Index keys_at_once = 1024;        // a block of keys in cache, transposed so that scores vectorise
constexpr Stream checked_rows_stream{100};

/// Softmax of the checked rows over some keys: o = weighted / sum. Two of them over disjoint keys combine by rescaling
/// to the larger maximum.
struct Partial {
  Array<double> weighted;      // slices x rows x d_value: sum_j exp(s_ij - maximum_i) v_j
  Array<double> sum, maximum;  // slices x rows x 1
  Array<double> value_sum;     // slices x rows x d_value: sum of the v_j that the row may see
  double value_max = 0, score_radius = 0;
};

/// Rows of one matrix at scattered indices, as float64.
template <class T>
Array<double> gather_rows(const Source<T>& source, std::string_view name, Index slices,
                          const std::vector<Index>& rows) {
  Array<double> gathered(slices, static_cast<Index>(rows.size()), source.columns(name));
  for (Index slice = 0; slice < slices; ++slice)
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Array<T> row = source.rows(name, slice, {rows[i], rows[i] + 1});
      std::copy(row.span().begin(), row.span().end(), gathered.row(slice, static_cast<Index>(i)));
    }
  return gathered;
}

/// A block of keys (transposed: d x keys) and values of one slice, as float64.
struct KeyBlock {
  Range range;
  std::vector<double> keys_transposed;
  Array<double> values;
};

template <class T>
KeyBlock read_keys(const ForwardSpec& spec, const Source<T>& source, Index slice, Range range) {
  const Array<T> keys = source.rows("k", slice, range);
  const Array<T> values = source.rows("v", slice, range);
  KeyBlock block{range, std::vector<double>(static_cast<std::size_t>(spec.d * range.size())),
                 Array<double>(1, range.size(), spec.value_dimension())};
  for (Index j = 0; j < range.size(); ++j)
    for (Index c = 0; c < spec.d; ++c)
      block.keys_transposed[static_cast<std::size_t>(c * range.size() + j)] = static_cast<double>(keys(0, j, c));
  std::copy(values.span().begin(), values.span().end(), block.values.data());
  return block;
}

/// Adds the keys of a block to one checked row.
void fold(const ForwardSpec& spec, const double* query, const KeyBlock& block, Index keys, std::vector<double>& scores,
          Partial& partial, Index slice, Index row) {
  std::fill_n(scores.begin(), keys, 0.0);
  for (Index c = 0; c < spec.d; ++c) {
    const double* key = block.keys_transposed.data() + c * block.range.size();
    for (Index j = 0; j < keys; ++j) scores[static_cast<std::size_t>(j)] += query[c] * key[j];
  }
  const double scale = spec.scale_factor();
  double largest = partial.maximum(slice, row, 0);
  for (Index j = 0; j < keys; ++j) {
    double& score = scores[static_cast<std::size_t>(j)];
    score *= scale;
    largest = std::max(largest, score);
    partial.score_radius = std::max(partial.score_radius, std::abs(score));
  }
  const Index d_value = spec.value_dimension();
  double* weighted = partial.weighted.row(slice, row);
  double* value_sum = partial.value_sum.row(slice, row);
  const double shrink = std::exp(partial.maximum(slice, row, 0) - largest);
  partial.maximum(slice, row, 0) = largest;
  partial.sum(slice, row, 0) *= shrink;
  for (Index c = 0; c < d_value; ++c) weighted[c] *= shrink;
  for (Index j = 0; j < keys; ++j) {
    const double weight = std::exp(scores[static_cast<std::size_t>(j)] - largest);
    const double* value = block.values.row(0, j);
    partial.sum(slice, row, 0) += weight;
    for (Index c = 0; c < d_value; ++c) weighted[c] += weight * value[c], value_sum[c] += value[c];
  }
}

template <class T>
Partial fold_share(const ForwardSpec& spec, const Source<T>& source, const std::vector<Index>& rows, Range share) {
  const Index n_rows = static_cast<Index>(rows.size()), slices = spec.slices(), d_value = spec.value_dimension();
  Partial partial{Array<double>(slices, n_rows, d_value), Array<double>(slices, n_rows, 1),
                  Array<double>(slices, n_rows, 1), Array<double>(slices, n_rows, d_value)};
  std::fill_n(partial.maximum.data(), partial.maximum.size(), -std::numeric_limits<double>::max());
  const Array<double> queries = gather_rows(source, "q", slices, rows);
  std::vector<double> scores(static_cast<std::size_t>(keys_at_once));
  for (Index slice = 0; slice < slices; ++slice)
    for (Index begin = share.begin; begin < share.end; begin += keys_at_once) {
      const KeyBlock block = read_keys(spec, source, slice, {begin, std::min(begin + keys_at_once, share.end)});
      for (const double value : block.values.span()) partial.value_max = std::max(partial.value_max, std::abs(value));
      for (Index i = 0; i < n_rows; ++i) {
        const Index last_seen = spec.causal ? rows[static_cast<std::size_t>(i)] : spec.n - 1;
        const Index keys = std::clamp<Index>(last_seen + 1 - begin, 0, block.range.size());
        if (keys > 0) fold(spec, queries.row(slice, i), block, keys, scores, partial, slice, i);
      }
    }
  return partial;
}

/// All ranks' shares together: everybody rescales to the common maximum, then one sum.
void combine(const Communicator& comm, Partial& partial) {
  Array<double> common = partial.maximum;
  comm.all_reduce(common.span(), Reduction::maximum);
  for (Index slice = 0; slice < common.slices(); ++slice)
    for (Index i = 0; i < common.rows(); ++i) {
      const double shrink = std::exp(partial.maximum(slice, i, 0) - common(slice, i, 0));
      partial.sum(slice, i, 0) *= shrink;
      for (Index c = 0; c < partial.weighted.columns(); ++c) partial.weighted(slice, i, c) *= shrink;
    }
  comm.all_reduce(partial.weighted.span());
  comm.all_reduce(partial.sum.span());
  comm.all_reduce(partial.value_sum.span());
  partial.value_max = comm.all_reduce(partial.value_max, Reduction::maximum);
  partial.score_radius = comm.all_reduce(partial.score_radius, Reduction::maximum);
}

}  // namespace

template <class T>
ForwardReference ForwardProblem<T>::reference(const Communicator& comm, const Spec& spec, const Source<T>& source,
                                              std::uint64_t seed) {
  const Index count = spec.n <= rows_checked_fully ? spec.n : rows_sampled;
  ForwardReference reference;
  reference.n = spec.n;
  reference.rows = sample_without_replacement(Philox(seed, checked_rows_stream), spec.n, count);
  Partial partial = fold_share(spec, source, reference.rows, block(spec.n, comm.size(), comm.rank()));
  combine(comm, partial);
  for (Index slice = 0; slice < spec.slices(); ++slice)
    for (Index i = 0; i < partial.sum.rows(); ++i) {
      const Index seen = spec.causal ? reference.rows[static_cast<std::size_t>(i)] + 1 : spec.n;
      for (Index c = 0; c < partial.weighted.columns(); ++c) {
        partial.weighted(slice, i, c) /= partial.sum(slice, i, 0);
        partial.value_sum(slice, i, c) /= static_cast<double>(seen);
      }
    }
  reference.o = std::move(partial.weighted);
  reference.mean = std::move(partial.value_sum);
  reference.value_max = partial.value_max;
  reference.score_radius = partial.score_radius;
  return reference;
}

template <class T>
ForwardQuality ForwardProblem<T>::quality(const Communicator& comm, const Reference& reference,
                                          const ForwardProblem& problem, const Solution& solution) {
  std::array<double, 3> squares{};  // of the difference, of the exact answer, of the mean's difference
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double largest = 0;
  Index local = 0;
  for (const Range& range : problem.layout.ranges(problem.rank_)) {
    auto checked = std::lower_bound(reference.rows.begin(), reference.rows.end(), range.begin);
    for (; checked != reference.rows.end() && *checked < range.end; ++checked) {
      const Index i = checked - reference.rows.begin();
      const Index row = local + *checked - range.begin;
      for (Index slice = 0; slice < reference.o.slices(); ++slice)
        for (Index c = 0; c < reference.o.columns(); ++c) {
          const double exact = reference.o(slice, i, c);
          const double difference = static_cast<double>(solution.o(slice, row, c)) - exact;
          const double of_mean = reference.mean(slice, i, c) - exact;
          squares[0] += difference * difference;
          squares[1] += exact * exact;
          squares[2] += of_mean * of_mean;
          // NaN must win over what comes before and after: a maximum that ignores it would call a broken answer
          // perfect.
          largest = std::isnan(difference) ? infinity : std::max(largest, std::abs(difference));
        }
    }
    local += range.size();
  }
  comm.all_reduce(std::span<double>(squares));
  largest = comm.all_reduce(largest, Reduction::maximum);

  ForwardQuality quality;
  quality.error = squares[0] == 0 ? 0 : std::sqrt(squares[0] / squares[1]);
  quality.error_max = largest == 0 ? 0 : largest / reference.value_max;  // V = 0 has the answer 0
  quality.skill = 1 - std::sqrt(squares[0] / squares[2]);
  quality.score_radius = reference.score_radius;
  quality.rows_checked = static_cast<Index>(reference.rows.size());
  const bool formed = solution.denominators_not_positive != unknown_index;
  const double smallest = formed && !std::isnan(solution.denominator_min) ? solution.denominator_min
                                                                          : std::numeric_limits<double>::infinity();
  const double smallest_everywhere = comm.all_reduce(smallest, Reduction::minimum);
  const Index bad_rows = comm.all_reduce(formed ? solution.denominators_not_positive : Index{0});
  if (formed) {
    quality.denominator_min = smallest_everywhere;
    quality.denominators_not_positive = bad_rows;
  }
  return quality;
}

template ForwardReference ForwardProblem<float>::reference(const Communicator&, const Spec&, const Source<float>&,
                                                           std::uint64_t);
template ForwardReference ForwardProblem<double>::reference(const Communicator&, const Spec&, const Source<double>&,
                                                            std::uint64_t);
template ForwardQuality ForwardProblem<float>::quality(const Communicator&, const Reference&, const ForwardProblem&,
                                                       const Solution&);
template ForwardQuality ForwardProblem<double>::quality(const Communicator&, const Reference&, const ForwardProblem&,
                                                        const Solution&);

}  // namespace breakeven::attention
