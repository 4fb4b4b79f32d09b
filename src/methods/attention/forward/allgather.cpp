#include "methods/attention/forward/allgather.hpp"

namespace breakeven::attention {

template <class T>
AllGather<T>::AllGather(const Communicator& comm, const ForwardSpec& spec, const Params&)
    : comm_(comm),
      spec_(spec),
      layout_(Layout::contiguous(spec.n, comm.size())),
      rows_(spec, SoftmaxMaximum::running, layout_, comm.rank()),
      mine_(static_cast<std::size_t>(KeyValueBlock<T>::size(spec, layout_.rows(comm.rank())))),
      all_(static_cast<std::size_t>(KeyValueBlock<T>::size(spec, spec.n))) {
  for (int rank = 0; rank < comm.size(); ++rank) lengths_.push_back(KeyValueBlock<T>::size(spec, layout_.rows(rank)));
  solution_.o = Array<T>(spec.slices(), layout_.rows(comm.rank()), spec.value_dimension());
}

template <class T>
const ForwardSolution<T>& AllGather<T>::run(const ForwardProblem<T>& problem) {
  KeyValueBlock<T>::pack(problem, mine_.data());
  comm_.all_gather(std::span<const T>(mine_), std::span<const Index>(lengths_), std::span<T>(all_));
  rows_.start(problem);
  const T* block = all_.data();
  for (int origin = 0; origin < comm_.size(); ++origin) {
    rows_.absorb({spec_, layout_, origin, block}, origin);
    block += lengths_[static_cast<std::size_t>(origin)];
  }
  rows_.finish(solution_.o);
  return solution_;
}

template <class T>
Schedule AllGather<T>::schedule(const ForwardSpec& spec, const Params&, const Counts&, int ranks, int rank) {
  const Layout rows = Layout::contiguous(spec.n, ranks);
  const auto word = static_cast<Index>(sizeof(T));
  const Index mine = KeyValueBlock<T>::size(spec, rows.rows(rank)) * word;
  Schedule schedule;
  schedule.communicate(Operation::all_gather, mine);
  for (int origin = 0; origin < ranks; ++origin)
    schedule.compute(SoftmaxRows<T>::flops(spec, rows, rank, origin),
                     SoftmaxRows<T>::traffic(spec, rows, rank, origin));
  return schedule.resident(SoftmaxRows<T>::bytes(spec, rows, rank) + mine +
                           KeyValueBlock<T>::size(spec, spec.n) * word + solution_bytes<T>(spec, rows, rank));
}

template class AllGather<float>;
template class AllGather<double>;

}  // namespace breakeven::attention
