#include "torch.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/value.hpp"

namespace breakeven::peers {
namespace {

using attention::ForwardProblem;
using attention::ForwardSolution;
using attention::ForwardSpec;
using attention::GatheredKeyValues;
using attention::KeyValueBlock;

/// Entries of q, k, v, o in the shared memory.
struct Sizes {
  Index q, k, v, o;
  Sizes(const ForwardSpec& spec, Index rows)
      : q(spec.slices() * rows * spec.d),
        k(spec.slices() * spec.n * spec.d),
        v(spec.slices() * spec.n * spec.value_dimension()),
        o(spec.slices() * rows * spec.value_dimension()) {}
  Index all() const { return q + k + v + o; }
};

}  // namespace

template <class T, Heap heap>
void Torch<T, heap>::validate(const ForwardSpec& spec, const Params&) {
  if (spec.n > most_rows)
    throw BadRequest(std::string(name) + ": n must be at most " + std::to_string(most_rows) + ", got " +
                     std::to_string(spec.n) + ": it holds n x n matrices");
}

template <class T, Heap heap>
Torch<T, heap>::Torch(const Communicator& comm, const ForwardSpec& spec, const Params&)
    : comm_(comm), spec_(spec), layout_(Layout::contiguous(spec.n, comm.size())) {
  const Index rows = layout_.rows(comm.rank());
  if (comm.size() > 1) gathered_.emplace(comm, spec, layout_);
  solution_.o = Array<T>(spec.slices(), rows, spec.value_dimension());
  if (rows == 0) return;
  const auto text = [](Index number) { return std::to_string(number); };
  const Index first_query = spec.causal ? layout_.ranges(comm.rank()).front().begin : -1;
  worker_ = std::make_unique<TorchWorker>(
      heap,
      std::vector<std::string>{sizeof(T) == 4 ? "f32" : "f64", text(spec.slices()), text(rows), text(spec.n),
                               text(spec.d), text(spec.value_dimension()), to_text(Value(spec.scale_factor())),
                               text(first_query), heap == Heap::warm ? "kept" : "fresh"},
      static_cast<std::size_t>(Sizes(spec, rows).all()) * sizeof(T));
}

template <class T, Heap heap>
void Torch<T, heap>::hand_over(const ForwardProblem<T>& problem) {
  T* const memory = reinterpret_cast<T*>(worker_->memory());
  const Sizes sizes(spec_, layout_.rows(comm_.rank()));
  std::copy_n(problem.q.data(), sizes.q, memory);
  T* const keys = memory + sizes.q;
  T* const values = keys + sizes.k;
  if (!gathered_) {
    std::copy_n(problem.k.data(), sizes.k, keys);
    std::copy_n(problem.v.data(), sizes.v, values);
    return;
  }
  const Index d = spec_.d, d_value = spec_.value_dimension();
  for (int origin = 0; origin < comm_.size(); ++origin) {
    const KeyValueBlock<T> block = gathered_->block(origin);
    const Range rows = layout_.ranges(origin).front();
    for (Index slice = 0; slice < spec_.slices(); ++slice) {
      std::copy_n(block.keys(slice, 0), rows.size() * d, keys + (slice * spec_.n + rows.begin) * d);
      std::copy_n(block.values(slice, 0), rows.size() * d_value, values + (slice * spec_.n + rows.begin) * d_value);
    }
  }
}

template <class T, Heap heap>
const ForwardSolution<T>& Torch<T, heap>::run(const ForwardProblem<T>& problem) {
  if (gathered_) gathered_->gather(problem);
  if (!worker_) return solution_;
  if (gathered_ || handed_over_ != &problem) hand_over(problem);
  handed_over_ = &problem;
  worker_->run();
  const Sizes sizes(spec_, layout_.rows(comm_.rank()));
  std::copy_n(reinterpret_cast<const T*>(worker_->memory()) + sizes.q + sizes.k + sizes.v, sizes.o, solution_.o.data());
  return solution_;
}

template <class T, Heap heap>
Schedule Torch<T, heap>::schedule(const ForwardSpec& spec, const Params&, const Counts&, int ranks, int rank) {
  const Layout rows = Layout::contiguous(spec.n, ranks);
  const auto word = static_cast<Index>(sizeof(T));
  const Index mine = rows.rows(rank);
  const Index scores = 3 * spec.slices() * mine * spec.n * word, shared = Sizes(spec, mine).all() * word;
  const Index solution = attention::solution_bytes<T>(spec, rows, rank);
  if (ranks > 1)
    return GatheredKeyValues<T>::schedule(spec, rows, rank)
        .resident(GatheredKeyValues<T>::bytes(spec, rows, rank) + scores + shared + solution);
  Schedule schedule;
  schedule.compute(attention::SoftmaxRows<T>::flops(spec, rows, rank, 0),
                   attention::SoftmaxRows<T>::traffic(spec, rows, rank, 0));
  return schedule.resident(scores + shared + solution);
}

template class Torch<float, Heap::warm>;
template class Torch<double, Heap::warm>;
template class Torch<float, Heap::as_shipped>;
template class Torch<double, Heap::as_shipped>;

}  // namespace breakeven::peers
