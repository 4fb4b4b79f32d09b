#include "methods/regression/least_squares/tsqr.hpp"

namespace breakeven::regression {

template <class T>
Tsqr<T>::Tsqr(const Communicator& comm, const LeastSquaresSpec& spec, const Params&) : spec_(spec), tree_(comm, spec) {
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& Tsqr<T>::run(const LeastSquaresProblem<T>& problem) {
  tree_.solve(problem, name, solution_.x);
  solution_.rows_read = problem.a.rows();
  return solution_;
}

template <class T>
Schedule Tsqr<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts&, int ranks, int rank) {
  Schedule schedule;
  TreeQr<T>::schedule(schedule, spec, ranks, rank);
  return schedule.resident(TreeQr<T>::bytes(spec) + answer_bytes<T>(spec));
}

template class Tsqr<float>;
template class Tsqr<double>;

}  // namespace breakeven::regression
