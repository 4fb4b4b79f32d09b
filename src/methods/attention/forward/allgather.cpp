#include "methods/attention/forward/allgather.hpp"

namespace breakeven::attention {

template <class T>
AllGather<T>::AllGather(const Communicator& comm, const ForwardSpec& spec, const Params&)
    : comm_(comm),
      spec_(spec),
      layout_(Layout::contiguous(spec.n, comm.size())),
      rows_(spec, SoftmaxMaximum::running, layout_, comm.rank(), HeldSlices::one),
      gathered_(comm, spec, layout_) {
  solution_.o = Array<T>(spec.slices(), layout_.rows(comm.rank()), spec.value_dimension());
}

template <class T>
const ForwardSolution<T>& AllGather<T>::run(const ForwardProblem<T>& problem) {
  gathered_.gather(problem);
  for (Index slice = 0; slice < spec_.slices(); ++slice) {
    rows_.start(problem, slice);
    for (int origin = 0; origin < comm_.size(); ++origin) rows_.absorb(gathered_.block(origin), slice, origin);
    rows_.finish(slice, solution_.o);
  }
  return solution_;
}

template <class T>
Schedule AllGather<T>::schedule(const ForwardSpec& spec, const Params&, const Counts&, int ranks, int rank) {
  const Layout rows = Layout::contiguous(spec.n, ranks);
  return GatheredKeyValues<T>::schedule(spec, rows, rank)
      .resident(SoftmaxRows<T>::bytes(spec, rows, rank, HeldSlices::one) +
                GatheredKeyValues<T>::bytes(spec, rows, rank) + solution_bytes<T>(spec, rows, rank));
}

template class AllGather<float>;
template class AllGather<double>;

}  // namespace breakeven::attention
