#include "methods/regression/kronecker_spectral/qr_factors.hpp"

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression::kronecker_spectral {
namespace {

template <class T>
Index gram_words(const KroneckerSpec& spec) {
  return Gram<T>::packed_size(spec.d, 0) + Gram<T>::packed_size(spec.second_columns(), 0);
}

}  // namespace

template <class T>
QrFactors<T>::QrFactors(const Communicator& comm, const KroneckerSpec& spec, const Params& params)
    : comm_(comm),
      params_(params),
      triangles_(comm, spec),
      grams_{Gram<T>(spec.d, 0), Gram<T>(spec.second_columns(), 0)},
      travelling_(static_cast<std::size_t>(gram_words<T>(spec))) {
  solution_.rows = {spec.d, spec.second_columns()};
  for (const std::size_t factor : {0u, 1u})
    solution_.parts[factor] = Array<T>(1, solution_.rows[factor], solution_.rows[factor]);
}

template <class T>
const KroneckerSpectralSolution<T>& QrFactors<T>::run(const KroneckerSpectralProblem<T>& problem) {
  if (params_.triangle == "cholesky") {
    from_gram_matrices(problem.factors);
  } else {
    triangles_.compute(problem.factors);
    for (const int factor : {0, 1}) solution_.parts[static_cast<std::size_t>(factor)] = triangles_.r(factor);
  }
  return solution_;
}

template <class T>
void QrFactors<T>::from_gram_matrices(const KroneckerFactors<T>& factors) {
  auto out = travelling_.begin();
  for (const std::size_t factor : {0u, 1u}) {
    grams_[factor].start();
    grams_[factor].absorb(factors.a[factor].data(), nullptr, factors.a[factor].rows());
    const std::span<const T> packed = grams_[factor].packed();
    out = std::copy(packed.begin(), packed.end(), out);
  }
  comm_.all_reduce(std::span<T>(travelling_));
  agree(comm_, "Cholesky decomposition", [&] {
    std::span<const T> packed(travelling_);
    for (const std::size_t factor : {0u, 1u}) {
      const Index d = solution_.rows[factor];
      const auto r = cholesky(Gram<T>::matrix(packed, d));
      if (!r)
        throw Failure("the Gram matrix of /" + std::string(factor == 0 ? "a1" : "a2") +
                      " is not positive definite to working precision: triangle tsqr goes further");
      solution_.parts[factor] = *r;
      packed = packed.subspan(static_cast<std::size_t>(Gram<T>::packed_size(d, 0)));
    }
  });
}

template <class T>
Promise QrFactors<T>::promise() const {
  return {Promise::Kind::none, "", std::numeric_limits<double>::quiet_NaN(),
          "exact up to rounding times the condition number, which is not bounded beforehand"};
}

template <class T>
Schedule QrFactors<T>::schedule(const KroneckerSpec& spec, const Params& params, const Counts&, int ranks, int rank) {
  const auto word = static_cast<Index>(sizeof(T));
  Schedule schedule;
  if (params.triangle == "cholesky") {
    for (const int factor : {0, 1}) {
      const Index rows = block(spec.rows(factor), ranks, rank).size(), d = spec.columns(factor);
      schedule.compute(Gram<T>::flops(rows, d, 0), static_cast<double>(rows * d * word));
    }
    schedule.communicate(Operation::all_reduce, gram_words<T>(spec) * word);
    schedule.communicate(Operation::agree, static_cast<Index>(sizeof(Index)));
  } else {
    FactorTriangles<T>::template add_steps<T>(spec, ranks, rank, schedule);
  }
  Index resident = FactorTriangles<T>::bytes(spec) + gram_words<T>(spec) * word;
  for (const int factor : {0, 1}) {
    const Index d = spec.columns(factor);
    resident += Gram<T>::bytes(d, 0) + d * d * word;
  }
  return schedule.resident(resident);
}

template class QrFactors<float>;
template class QrFactors<double>;

}  // namespace breakeven::regression::kronecker_spectral
