#include "methods/attention/forward/exact.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace breakeven::attention {
namespace {

SoftmaxShape shape_of(const ForwardSpec& spec, SoftmaxMaximum maximum) {
  return {spec.d, spec.value_dimension(), spec.scale_factor(), spec.causal, maximum};
}

Index slices_of(const ForwardSpec& spec, HeldSlices held) {
  return held == HeldSlices::all ? spec.slices() : 1;
}

// Half of a common second-level cache: the state and the packed keys of the slice at work have the other.
constexpr Index most_fetched_bytes = 1024 * 1024;

/// Sum over i < x of min(i + 1, keys): pairs of the first x queries at or after the first key of a range.
double pairs_up_to(Index x, Index keys) {
  const auto triangle = [](Index m) { return 0.5 * static_cast<double>(m) * static_cast<double>(m + 1); };
  if (x <= 0) return 0;
  if (x <= keys) return triangle(x);
  return triangle(keys) + static_cast<double>(x - keys) * static_cast<double>(keys);
}

}  // namespace

double pairs(const ForwardSpec& spec, Range queries, Range keys) {
  if (queries.empty() || keys.empty()) return 0;
  if (!spec.causal) return static_cast<double>(queries.size()) * static_cast<double>(keys.size());
  return pairs_up_to(queries.end - keys.begin, keys.size()) - pairs_up_to(queries.begin - keys.begin, keys.size());
}

template <class T>
SoftmaxRows<T>::SoftmaxRows(const ForwardSpec& spec, SoftmaxMaximum maximum, const Layout& layout, int rank,
                            HeldSlices held)
    : layout_(layout),
      ranges_(layout.ranges(rank)),
      held_slices_(slices_of(spec, held)),
      workspace_(shape_of(spec, maximum), layout.max_rows()) {
  for (Index slice = 0; slice < held_slices_; ++slice)
    for (const Range& range : ranges_) states_.emplace_back(shape_of(spec, maximum), range.size());
}

template <class T>
std::size_t SoftmaxRows<T>::first_state(Index slice) const {
  return static_cast<std::size_t>(slice % held_slices_) * ranges_.size();
}

template <class T>
void SoftmaxRows<T>::start(const ForwardProblem<T>& problem, Index slice) {
  std::size_t state = first_state(slice);
  Index local = 0;
  for (const Range& range : ranges_) {
    states_[state++].start({problem.q.row(slice, local), range.size(), range.begin});
    local += range.size();
  }
}

template <class T>
void SoftmaxRows<T>::absorb(const KeyValueBlock<T>& block, Index slice, int origin,
                            const std::function<void()>& between_tiles) {
  for (std::size_t queries = 0; queries < ranges_.size(); ++queries) {
    OnlineSoftmax<T>& state = states_[first_state(slice) + queries];
    Index local = 0;
    for (const Range& keys : layout_.ranges(origin)) {
      state.absorb({block.keys(slice, local), block.values(slice, local), keys.size(), keys.begin}, workspace_,
                   between_tiles);
      local += keys.size();
    }
  }
}

template <class T>
void SoftmaxRows<T>::finish(Index slice, Array<T>& o) const {
  std::size_t state = first_state(slice);
  Index local = 0;
  for (const Range& range : ranges_) {
    states_[state++].finish(o.row(slice, local));
    local += range.size();
  }
}

template <class T>
void SoftmaxRows<T>::attend(const ForwardProblem<T>& problem, Index slice, Array<T>& o) {
  const Range& all = ranges_.front();
  fetch_meanwhile(problem, slice, o);
  states_.front().attend({problem.q.row(slice, 0), all.size(), all.begin},
                         {problem.k.row(slice, 0), problem.v.row(slice, 0), all.size(), all.begin}, workspace_,
                         o.row(slice, 0));
}

template <class T>
void SoftmaxRows<T>::fetch_meanwhile(const ForwardProblem<T>& problem, Index slice, const Array<T>& o) {
  const auto stretch = [](const Array<T>& rows, Index s) {
    if (s == rows.slices()) return FetchQueue::Stretch{};
    return FetchQueue::Stretch{rows.slice(s), rows.rows() * rows.columns() * static_cast<Index>(sizeof(T))};
  };
  const std::array stretches{stretch(problem.q, slice + 1), stretch(problem.k, slice + 1),
                             stretch(problem.v, slice + 1), stretch(o, slice + 1)};
  Index bytes = 0;
  for (const FetchQueue::Stretch& s : stretches) bytes += s.bytes;
  workspace_.fetch_meanwhile(bytes <= most_fetched_bytes ? FetchQueue(stretches) : FetchQueue());
}

template <class T>
Index SoftmaxRows<T>::bytes(const ForwardSpec& spec, const Layout& layout, int rank, HeldSlices held) {
  const SoftmaxShape shape = shape_of(spec, SoftmaxMaximum::running);
  Index bytes = SoftmaxWorkspace<T>::bytes(shape, layout.max_rows());
  for (const Range& range : layout.ranges(rank))
    bytes += slices_of(spec, held) * OnlineSoftmax<T>::bytes(shape, range.size());
  return bytes;
}

template <class T>
double SoftmaxRows<T>::flops(const ForwardSpec& spec, const Layout& layout, int rank, int origin) {
  double total = 0;
  for (const Range& queries : layout.ranges(rank))
    for (const Range& keys : layout.ranges(origin)) total += pairs(spec, queries, keys);
  return static_cast<double>(spec.slices()) * total * 2 * static_cast<double>(spec.d + spec.value_dimension());
}

template <class T>
double SoftmaxRows<T>::traffic(const ForwardSpec& spec, const Layout& layout, int rank, int origin) {
  const Index rows = layout.rows(rank) + layout.rows(origin);
  return static_cast<double>(spec.slices() * rows * (spec.d + spec.value_dimension())) * sizeof(T);
}

template <class T>
GatheredKeyValues<T>::GatheredKeyValues(const Communicator& comm, const ForwardSpec& spec, const Layout& layout)
    : comm_(comm),
      spec_(spec),
      layout_(layout),
      mine_(static_cast<std::size_t>(KeyValueBlock<T>::size(spec, layout.rows(comm.rank())))),
      all_(static_cast<std::size_t>(KeyValueBlock<T>::size(spec, spec.n))) {
  for (int rank = 0; rank < comm.size(); ++rank) lengths_.push_back(KeyValueBlock<T>::size(spec, layout.rows(rank)));
}

template <class T>
void GatheredKeyValues<T>::gather(const ForwardProblem<T>& problem) {
  KeyValueBlock<T>::pack(problem, mine_.data());
  comm_.all_gather(std::span<const T>(mine_), std::span<const Index>(lengths_), std::span<T>(all_));
}

template <class T>
KeyValueBlock<T> GatheredKeyValues<T>::block(int origin) const {
  const Index offset = std::accumulate(lengths_.begin(), lengths_.begin() + origin, Index{0});
  return {spec_, layout_, origin, all_.data() + offset};
}

template <class T>
Index GatheredKeyValues<T>::bytes(const ForwardSpec& spec, const Layout& layout, int rank) {
  const Index words = KeyValueBlock<T>::size(spec, layout.rows(rank)) + KeyValueBlock<T>::size(spec, spec.n);
  return words * static_cast<Index>(sizeof(T));
}

template <class T>
Schedule GatheredKeyValues<T>::schedule(const ForwardSpec& spec, const Layout& layout, int rank) {
  Schedule schedule;
  schedule.communicate(Operation::all_gather,
                       KeyValueBlock<T>::size(spec, layout.rows(rank)) * static_cast<Index>(sizeof(T)));
  for (int origin = 0; origin < layout.ranks(); ++origin)
    schedule.compute(SoftmaxRows<T>::flops(spec, layout, rank, origin),
                     SoftmaxRows<T>::traffic(spec, layout, rank, origin));
  return schedule;
}

template <class T>
Promise exact_promise(const ForwardSpec& spec) {
  const double unit_roundoff = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const double scores = spec.score_bound() * (std::sqrt(static_cast<double>(spec.d)) + 2);
  const double sums = std::sqrt(static_cast<double>(spec.n));
  return {Promise::Kind::certified, "error_max", 8 * unit_roundoff * (scores + sums + 8), ""};
}

template class SoftmaxRows<float>;
template class SoftmaxRows<double>;
template class GatheredKeyValues<float>;
template class GatheredKeyValues<double>;
template Promise exact_promise<float>(const ForwardSpec&);
template Promise exact_promise<double>(const ForwardSpec&);

}  // namespace breakeven::attention
