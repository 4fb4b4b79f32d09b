#include "methods/regression/kronecker_spectral/quantum.hpp"

#include <algorithm>
#include <cmath>

#include "methods/regression/kronecker/options.hpp"

namespace breakeven::regression::kronecker_spectral {
namespace {

std::array<Index, 2> rows_of(const KroneckerSpec& spec, const QuantumParams& params) {
  return {rows_for_whitened_error(spec.d, params.tolerance),
          rows_for_whitened_error(spec.second_columns(), params.tolerance)};
}

}  // namespace

template <class T>
void Quantum<T>::validate(const KroneckerSpec& spec, const Params& params) {
  validate_quantum(params);
  for (const int factor : {0, 1})
    require_draws("rows from the tolerance", rows_of(spec, params)[static_cast<std::size_t>(factor)],
                  factor == 0 ? "d" : "d2", spec.columns(factor));
}

template <class T>
Quantum<T>::Quantum(const Communicator& comm, const KroneckerSpec& spec, const Params& params)
    : spec_(spec),
      params_(params),
      halvings_{
          FactorHalving<T>(comm, spec.n, spec.d, 0, params.oversampling, params.draw),
          FactorHalving<T>(comm, spec.second_rows(), spec.second_columns(), 1, params.oversampling, params.draw)} {}

template <class T>
const KroneckerSpectralSolution<T>& Quantum<T>::run(const KroneckerSpectralProblem<T>& problem) {
  QueryLedger ledger(params_.draw);
  const std::array<Index, 2> wanted = rows_of(spec_, params_);
  for (const std::size_t factor : {0u, 1u}) {
    halvings_[factor].run(problem.factors.a[factor], wanted[factor], ledger);
    solution_.halved[factor] = halvings_[factor].halved();
    const Array<double>& rows = halvings_[factor].rows().rows;
    solution_.rows[factor] = rows.rows();
    solution_.parts[factor] = Array<T>(1, rows.rows(), rows.columns());
    std::transform(rows.span().begin(), rows.span().end(), solution_.parts[factor].data(),
                   [](double entry) { return static_cast<T>(entry); });
  }
  counts_ = Counts(ledger, halvings_[0].counts(), halvings_[1].counts());
  return solution_;
}

template <class T>
Promise Quantum<T>::promise() const {
  // Twice the law of each factor, as for product_sketch: halved scores gave no larger errors in
  // data/studies/kronecker_laws.toml.
  const double each = std::sqrt(1 + params_.tolerance) - 1;
  return quantum_promise(spec_, params_, counts_, std::pow(1 + 2 * each, 2) - 1);
}

template <class T>
KroneckerQuantumCounts Quantum<T>::expected(const KroneckerSpec& spec, const Params& params) {
  return expected_quantum(spec, params, rows_of(spec, params));
}

template <class T>
Schedule Quantum<T>::schedule(const KroneckerSpec& spec, const Params&, const Counts& counts, int ranks, int rank) {
  Schedule schedule;
  Index resident = 0;
  for (const int factor : {0, 1}) {
    const HalvingCounts halving = counts.halving(factor);
    const Index n = spec.rows(factor), d = spec.columns(factor);
    FactorHalving<T>::add_steps(n, d, halving, ranks, rank, schedule);
    resident += FactorHalving<T>::bytes(n, d, halving, ranks, rank) + halving.kept * d * static_cast<Index>(sizeof(T));
  }
  return schedule.resident(resident);
}

template class Quantum<float>;
template class Quantum<double>;

}  // namespace breakeven::regression::kronecker_spectral
