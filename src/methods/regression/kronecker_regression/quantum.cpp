#include "methods/regression/kronecker_regression/quantum.hpp"

#include "methods/regression/kronecker/options.hpp"

namespace breakeven::regression::kronecker_regression {
namespace {

Index rows_of(const KroneckerSpec& spec, const QuantumParams& params) {
  return rows_for_excess(spec.d, spec.second_columns(), params.tolerance);
}

}  // namespace

template <class T>
void Quantum<T>::validate(const KroneckerRegressionSpec& spec, const Params& params) {
  validate_quantum(params);
  const Index rows = rows_of(spec, params);
  require_draws("rows from the tolerance", rows, "d", spec.d);
  require_draws("rows from the tolerance", rows, "d2", spec.second_columns());
}

template <class T>
Quantum<T>::Quantum(const Communicator& comm, const KroneckerRegressionSpec& spec, const Params& params)
    : spec_(spec),
      params_(params),
      halvings_{FactorHalving<T>(comm, spec.n, spec.d, 0, params.oversampling, params.draw),
                FactorHalving<T>(comm, spec.second_rows(), spec.second_columns(), 1, params.oversampling, params.draw)},
      regression_(comm, spec) {
  solution_.x = Array<T>(1, spec.d, spec.second_columns());
}

template <class T>
const KroneckerRegressionSolution<T>& Quantum<T>::run(const KroneckerRegressionProblem<T>& problem) {
  QueryLedger ledger(params_.draw);
  for (const std::size_t factor : {0u, 1u}) {
    halvings_[factor].run(problem.factors.a[factor], rows_of(spec_, params_), ledger);
    solution_.halved[factor] = halvings_[factor].halved();
  }
  regression_.run({halvings_[0].rows(), halvings_[1].rows()}, *problem.source, solution_);
  counts_ = Counts(ledger, halvings_[0].counts(), halvings_[1].counts());
  return solution_;
}

template <class T>
Promise Quantum<T>::promise() const {
  // Four times the worst mean, as for product_sketch: halved scores gave no larger errors in
  // data/studies/kronecker_laws.toml.
  return quantum_promise(spec_, params_, counts_, 4 * params_.tolerance);
}

template <class T>
KroneckerQuantumCounts Quantum<T>::expected(const KroneckerRegressionSpec& spec, const Params& params) {
  const Index rows = rows_of(spec, params);
  return expected_quantum(spec, params, {rows, rows});
}

template <class T>
Schedule Quantum<T>::schedule(const KroneckerRegressionSpec& spec, const Params&, const Counts& counts, int ranks,
                              int rank) {
  const std::array<Index, 2> kept{counts.rows_kept, counts.rows_kept_second};
  Schedule schedule;
  Index resident = SketchedRegression::bytes(spec, kept) + spec.unknowns() * static_cast<Index>(sizeof(T));
  for (const int factor : {0, 1}) {
    const Index n = spec.rows(factor), d = spec.columns(factor);
    FactorHalving<T>::add_steps(n, d, counts.halving(factor), ranks, rank, schedule);
    resident += FactorHalving<T>::bytes(n, d, counts.halving(factor), ranks, rank);
  }
  SketchedRegression::add_steps(spec, kept, ranks, rank, static_cast<Index>(sizeof(T)), schedule);
  return schedule.resident(resident);
}

template class Quantum<float>;
template class Quantum<double>;

}  // namespace breakeven::regression::kronecker_regression
