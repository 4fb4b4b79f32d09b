#include "methods/attention/forward/ring.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.hpp"

namespace breakeven::attention {

namespace {

/// A rank that is alone finishes slice after slice; several go through all slices with each block of keys.
HeldSlices held_slices(int ranks) {
  return ranks == 1 ? HeldSlices::one : HeldSlices::all;
}

/// Words of each of the two travelling blocks; nothing travels on one rank.
template <class T>
Index travelling_words(const ForwardSpec& spec, const Layout& layout) {
  return layout.ranks() == 1 ? 0 : KeyValueBlock<T>::size(spec, layout.max_rows());
}

}  // namespace

template <class T>
double largest_score_without_maximum(Index n) {
  // exp(80) and exp(700) are safe by themselves; a sum of n of them, times a value of order one, must be finite too.
  const double single = sizeof(T) == 4 ? 80 : 700;
  const double sum =
      std::log(static_cast<double>(std::numeric_limits<T>::max())) - std::log(static_cast<double>(n)) - 1;
  return std::min(single, sum);
}

template <class T>
void Ring<T>::validate(const ForwardSpec& spec, const Params& params) {
  const double most = largest_score_without_maximum<T>(spec.n);
  if (params.maximum == "none" && spec.score_bound() > most)
    throw BadRequest("maximum none needs a score bound scale d B^2 of at most " + to_text(Value(most)) +
                     (sizeof(T) == 4 ? " in f32" : " in f64") + ", got " + to_text(Value(spec.score_bound())) +
                     "; use maximum running");
}

template <class T>
Layout Ring<T>::layout(const ForwardSpec& spec, const Params&, int ranks) {
  return spec.causal && ranks > 1 ? Layout::zigzag(spec.n, ranks) : Layout::contiguous(spec.n, ranks);
}

template <class T>
Ring<T>::Ring(const Communicator& comm, const ForwardSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      layout_(layout(spec, params, comm.size())),
      rows_(spec, params.maximum == "none" ? SoftmaxMaximum::none : SoftmaxMaximum::running, layout_, comm.rank(),
            held_slices(comm.size())),
      held_(static_cast<std::size_t>(travelling_words<T>(spec, layout_))),
      arriving_(held_.size()) {
  solution_.o = Array<T>(spec.slices(), layout_.rows(comm.rank()), spec.value_dimension());
}

template <class T>
const ForwardSolution<T>& Ring<T>::run(const ForwardProblem<T>& problem) {
  if (comm_.size() == 1) {
    for (Index slice = 0; slice < spec_.slices(); ++slice) rows_.attend(problem, slice, solution_.o);
    return solution_;
  }
  KeyValueBlock<T>::pack(problem, held_.data());  // a travelling copy; the problem stays as it is
  for (int step = 0; step < comm_.size(); ++step) {
    const int origin = (comm_.rank() + step) % comm_.size();
    const int next = (origin + 1) % comm_.size();
    const bool first = step == 0, last = step + 1 == comm_.size();  // nothing travels on the last step: P - 1 shifts
    const auto size_of = [&](int rank) {
      return static_cast<std::size_t>(KeyValueBlock<T>::size(spec_, layout_.rows(rank)));
    };
    PendingShift shift;
    if (!last)
      shift = comm_.start_ring_shift(std::span<const T>(held_.data(), size_of(origin)),
                                     std::span<T>(arriving_.data(), size_of(next)));
    const KeyValueBlock<T> block =
        first ? KeyValueBlock<T>(problem) : KeyValueBlock<T>(spec_, layout_, origin, held_.data());
    for (Index slice = 0; slice < spec_.slices(); ++slice) {
      if (first) rows_.start(problem, slice);
      rows_.absorb(block, slice, origin, [&] { shift.progress(); });
      if (last) rows_.finish(slice, solution_.o);
    }
    shift.wait();
    std::swap(held_, arriving_);
  }
  return solution_;
}

template <class T>
Schedule Ring<T>::schedule(const ForwardSpec& spec, const Params& params, const Counts&, int ranks, int rank) {
  const Layout rows = layout(spec, params, ranks);
  const auto word = static_cast<Index>(sizeof(T));
  Schedule schedule;
  for (int step = 0; step < ranks; ++step) {
    const int origin = (rank + step) % ranks;
    if (step + 1 < ranks)
      schedule.communicate(Operation::ring_shift, KeyValueBlock<T>::size(spec, rows.rows(origin)) * word);
    schedule.compute(SoftmaxRows<T>::flops(spec, rows, rank, origin),
                     SoftmaxRows<T>::traffic(spec, rows, rank, origin));
  }
  return schedule.resident(SoftmaxRows<T>::bytes(spec, rows, rank, held_slices(ranks)) +
                           2 * travelling_words<T>(spec, rows) * word + solution_bytes<T>(spec, rows, rank));
}

template class Ring<float>;
template class Ring<double>;
template double largest_score_without_maximum<float>(Index);
template double largest_score_without_maximum<double>(Index);

}  // namespace breakeven::attention
