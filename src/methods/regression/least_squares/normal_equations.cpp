#include "methods/regression/least_squares/normal_equations.hpp"

namespace breakeven::regression {

template <class T>
NormalEquations<T>::NormalEquations(const Communicator& comm, const LeastSquaresSpec& spec, const Params&)
    : spec_(spec), gram_(comm, spec) {
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& NormalEquations<T>::run(const LeastSquaresProblem<T>& problem) {
  solution_.rows_read = problem.a.rows();
  if (!gram_.factor(problem)) fail_not_definite(spec_, name, gram_.least_condition());
  require_full_rank(gram_.r(), spec_, name);
  solution_.x = gram_.rhs();
  gram_.solve(solution_.x);
  return solution_;
}

template <class T>
Schedule NormalEquations<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts&, int ranks, int rank) {
  Schedule schedule;
  GramSolver<T>::schedule(schedule, spec, ranks, rank);
  return schedule.resident(GramSolver<T>::bytes(spec) + answer_bytes<T>(spec));
}

template <class T>
Promise NormalEquations<T>::promise() const {
  Promise promise;
  promise.reason = "the backward error of the normal equations grows like the condition number; tsqr promises one";
  return promise;
}

template class NormalEquations<float>;
template class NormalEquations<double>;

}  // namespace breakeven::regression
