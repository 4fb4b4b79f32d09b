#include "lapack.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/value.hpp"
#include "comm/agree.hpp"

extern "C" {
void sgels_(const char* transposed, const int* m, const int* n, const int* rhs, float* a, const int* lda, float* b,
            const int* ldb, float* work, const int* size, int* info, std::size_t);
void dgels_(const char* transposed, const int* m, const int* n, const int* rhs, double* a, const int* lda, double* b,
            const int* ldb, double* work, const int* size, int* info, std::size_t);
void sposv_(const char* uplo, const int* n, const int* rhs, float* a, const int* lda, float* b, const int* ldb,
            int* info, std::size_t);
void dposv_(const char* uplo, const int* n, const int* rhs, double* a, const int* lda, double* b, const int* ldb,
            int* info, std::size_t);
}

namespace breakeven::peers {
namespace {

using regression::LeastSquaresProblem;
using regression::LeastSquaresSolution;
using regression::LeastSquaresSpec;

void gels(int m, int n, int rhs, float* a, float* b, float* work, int size, int* info) {
  sgels_("N", &m, &n, &rhs, a, &m, b, &m, work, &size, info, 1);
}
void gels(int m, int n, int rhs, double* a, double* b, double* work, int size, int* info) {
  dgels_("N", &m, &n, &rhs, a, &m, b, &m, work, &size, info, 1);
}

void syrk(int n, int d, const float* a, float beta, float* gram) {
  cblas_ssyrk(CblasColMajor, CblasUpper, CblasTrans, d, n, 1, a, n, beta, gram, d);
}
void syrk(int n, int d, const double* a, double beta, double* gram) {
  cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, d, n, 1, a, n, beta, gram, d);
}

void cross(int n, int d, int rhs, const float* a, const float* b, float* x) {
  cblas_sgemm(CblasColMajor, CblasTrans, CblasNoTrans, d, rhs, n, 1, a, n, b, n, 0, x, d);
}
void cross(int n, int d, int rhs, const double* a, const double* b, double* x) {
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, d, rhs, n, 1, a, n, b, n, 0, x, d);
}

int posv(int d, int rhs, float* gram, float* x) {
  int info = 0;
  sposv_("U", &d, &rhs, gram, &d, x, &d, &info, 1);
  return info;
}
int posv(int d, int rhs, double* gram, double* x) {
  int info = 0;
  dposv_("U", &d, &rhs, gram, &d, x, &d, &info, 1);
  return info;
}

void require_one_rank(const Communicator& comm, std::string_view method) {
  agree(comm, "set-up", [&] {
    if (comm.size() > 1) throw Failure(std::string(method) + " works on one rank, got " + std::to_string(comm.size()));
  });
}

/// Column-major d x rhs, rows `stride` apart in a column, as the solution's rows.
template <class T>
void take_solution(const T* x, Index stride, LeastSquaresSolution<T>& solution) {
  for (Index i = 0; i < solution.x.rows(); ++i)
    for (Index j = 0; j < solution.x.columns(); ++j) solution.x(0, i, j) = x[j * stride + i];
}

Promise nothing_claimed() {
  Promise promise;
  promise.reason = "a peer: nothing is claimed for it";
  return promise;
}

}  // namespace

template <class T>
ColumnMajorProblem<T>::ColumnMajorProblem(const LeastSquaresSpec& spec, Index rows)
    : a_(static_cast<std::size_t>(rows * spec.d)), b_(static_cast<std::size_t>(rows * spec.rhs)) {}

template <class T>
void ColumnMajorProblem<T>::hand_over(const LeastSquaresProblem<T>& problem) {
  if (handed_over_ == &problem) return;
  const auto transpose = [](const Array<T>& rows, AlignedVector<T>& columns) {
    for (Index i = 0; i < rows.rows(); ++i)
      for (Index j = 0; j < rows.columns(); ++j) columns[static_cast<std::size_t>(j * rows.rows() + i)] = rows(0, i, j);
  };
  transpose(problem.a, a_);
  transpose(problem.b, b_);
  handed_over_ = &problem;
}

template <class T>
Index ColumnMajorProblem<T>::bytes(const LeastSquaresSpec& spec, Index rows) {
  return rows * (spec.d + spec.rhs) * static_cast<Index>(sizeof(T));
}

template <class T>
void Dgels<T>::validate(const LeastSquaresSpec& spec, const Params&) {
  if (spec.ridge != 0) throw BadRequest("dgels has no ridge: ridge must be 0, got " + to_text(Value(spec.ridge)));
}

template <class T>
Dgels<T>::Dgels(const Communicator& comm, const LeastSquaresSpec& spec, const Params&)
    : spec_(spec),
      data_(spec, spec.n),
      a_(static_cast<std::size_t>(spec.n * spec.d)),
      b_(static_cast<std::size_t>(spec.n * spec.rhs)) {
  require_one_rank(comm, name);
  solution_.x = Array<T>(1, spec.d, spec.rhs);
  T wanted = 0;
  int info = 0;
  gels(static_cast<int>(spec.n), static_cast<int>(spec.d), static_cast<int>(spec.rhs), a_.data(), b_.data(), &wanted,
       -1, &info);
  work_.resize(static_cast<std::size_t>(wanted));
}

template <class T>
const LeastSquaresSolution<T>& Dgels<T>::run(const LeastSquaresProblem<T>& problem) {
  data_.hand_over(problem);
  std::copy(data_.a().begin(), data_.a().end(), a_.begin());
  std::copy(data_.b().begin(), data_.b().end(), b_.begin());
  int info = 0;
  gels(static_cast<int>(spec_.n), static_cast<int>(spec_.d), static_cast<int>(spec_.rhs), a_.data(), b_.data(),
       work_.data(), static_cast<int>(work_.size()), &info);
  if (info != 0) throw Failure("dgels failed with code " + std::to_string(info));
  take_solution(b_.data(), spec_.n, solution_);
  return solution_;
}

template <class T>
Schedule Dgels<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts&, int, int) {
  const auto n = static_cast<double>(spec.n), d = static_cast<double>(spec.d), rhs = static_cast<double>(spec.rhs);
  Schedule schedule;
  schedule.compute(2 * n * d * d + 4 * n * d * rhs, n * (d + rhs) * sizeof(T));
  return schedule.resident(2 * ColumnMajorProblem<T>::bytes(spec, spec.n));
}

template <class T>
Promise Dgels<T>::promise() const {
  return nothing_claimed();
}

template <class T>
SyrkPosv<T>::SyrkPosv(const Communicator& comm, const LeastSquaresSpec& spec, const Params&)
    : comm_(comm),
      spec_(spec),
      data_(spec, spec.n),
      gram_(static_cast<std::size_t>(spec.d * spec.d)),
      x_(static_cast<std::size_t>(spec.d * spec.rhs)) {
  require_one_rank(comm, name);
  solution_.x = Array<T>(1, spec.d, spec.rhs);
}

template <class T>
const LeastSquaresSolution<T>& SyrkPosv<T>::run(const LeastSquaresProblem<T>& problem) {
  data_.hand_over(problem);
  const int n = static_cast<int>(spec_.n), d = static_cast<int>(spec_.d), rhs = static_cast<int>(spec_.rhs);
  std::fill(gram_.begin(), gram_.end(), T(0));
  for (Index i = 0; i < spec_.d; ++i) gram_[static_cast<std::size_t>(i * spec_.d + i)] = static_cast<T>(spec_.ridge);
  syrk(n, d, data_.a().data(), T(1), gram_.data());
  cross(n, d, rhs, data_.a().data(), data_.b().data(), x_.data());
  const int info = posv(d, rhs, gram_.data(), x_.data());
  agree(comm_, "dposv", [&] {
    if (info != 0) throw Failure("the Gram matrix is not positive definite: pivot " + std::to_string(info));
  });
  take_solution(x_.data(), spec_.d, solution_);
  return solution_;
}

template <class T>
Schedule SyrkPosv<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts&, int, int) {
  const auto n = static_cast<double>(spec.n), d = static_cast<double>(spec.d), rhs = static_cast<double>(spec.rhs);
  Schedule schedule;
  schedule.compute(n * d * (d + 1) + 2 * n * d * rhs, n * (d + rhs) * sizeof(T));
  schedule.communicate(Operation::agree, sizeof(Index));
  return schedule.resident(ColumnMajorProblem<T>::bytes(spec, spec.n) +
                           spec.d * (spec.d + spec.rhs) * static_cast<Index>(sizeof(T)));
}

template <class T>
Promise SyrkPosv<T>::promise() const {
  return nothing_claimed();
}

template class ColumnMajorProblem<float>;
template class ColumnMajorProblem<double>;
template class Dgels<float>;
template class Dgels<double>;
template class SyrkPosv<float>;
template class SyrkPosv<double>;

}  // namespace breakeven::peers
