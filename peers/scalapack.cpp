#include "scalapack.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/value.hpp"
#include "comm/agree.hpp"

extern "C" {
void Cblacs_get(int context, int what, int* value);
void Cblacs_gridinit(int* context, const char* order, int rows, int columns);
void Cblacs_gridinfo(int context, int* rows, int* columns, int* row, int* column);
void Cblacs_gridexit(int context);
void descinit_(int* descriptor, const int* m, const int* n, const int* mb, const int* nb, const int* first_row,
               const int* first_column, const int* context, const int* lld, int* info);
void psgels_(const char* transposed, const int* m, const int* n, const int* rhs, float* a, const int* ia, const int* ja,
             const int* desc_a, float* b, const int* ib, const int* jb, const int* desc_b, float* work, const int* size,
             int* info, std::size_t);
void pdgels_(const char* transposed, const int* m, const int* n, const int* rhs, double* a, const int* ia,
             const int* ja, const int* desc_a, double* b, const int* ib, const int* jb, const int* desc_b, double* work,
             const int* size, int* info, std::size_t);
}

namespace breakeven::peers {
namespace {

using regression::LeastSquaresProblem;
using regression::LeastSquaresSolution;
using regression::LeastSquaresSpec;

constexpr int panel_columns = 64;

/// Row blocks of n / P rows, columns in panels.
struct Distribution {
  std::array<int, 9> a{}, b{};
  Distribution(const LeastSquaresSpec& spec, int ranks, int grid) {
    const int n = static_cast<int>(spec.n), d = static_cast<int>(spec.d), rhs = static_cast<int>(spec.rhs);
    const int rows = n / ranks, zero = 0;
    int info = 0;
    descinit_(a.data(), &n, &d, &rows, &panel_columns, &zero, &zero, &grid, &rows, &info);
    if (info == 0) descinit_(b.data(), &n, &rhs, &rows, &panel_columns, &zero, &zero, &grid, &rows, &info);
    if (info != 0) throw Failure("descinit failed with code " + std::to_string(info));
  }
};

template <class T>
int gels(const LeastSquaresSpec& spec, const Distribution& distribution, T* a, T* b, T* work, int size) {
  const int n = static_cast<int>(spec.n), d = static_cast<int>(spec.d), rhs = static_cast<int>(spec.rhs), one = 1;
  int info = 0;
  if constexpr (sizeof(T) == 4)
    psgels_("N", &n, &d, &rhs, a, &one, &one, distribution.a.data(), b, &one, &one, distribution.b.data(), work, &size,
            &info, 1);
  else
    pdgels_("N", &n, &d, &rhs, a, &one, &one, distribution.a.data(), b, &one, &one, distribution.b.data(), work, &size,
            &info, 1);
  return info;
}

}  // namespace

template <class T>
void Scalapack<T>::validate(const LeastSquaresSpec& spec, const Params&) {
  if (spec.ridge != 0) throw BadRequest("scalapack has no ridge: ridge must be 0, got " + to_text(Value(spec.ridge)));
}

template <class T>
Scalapack<T>::Scalapack(const Communicator& comm, const LeastSquaresSpec& spec, const Params&)
    : comm_(comm), spec_(spec), data_(spec, spec.n / comm.size()) {
  agree(comm, "set-up", [&] {
    if (spec.n % comm.size() != 0)
      throw Failure("scalapack needs n to be a multiple of the " + std::to_string(comm.size()) + " ranks, got " +
                    std::to_string(spec.n));
  });
  Cblacs_get(-1, 0, &grid_);
  Cblacs_gridinit(&grid_, "Row", comm.size(), 1);
  agree(comm, "set-up", [&] {
    int rows = 0, columns = 0, row = 0, column = 0;
    Cblacs_gridinfo(grid_, &rows, &columns, &row, &column);
    if (rows != comm.size() || row != comm.rank()) throw Failure("the BLACS grid does not match the ranks");
  });
  a_.resize(data_.a().size());
  b_.resize(data_.b().size());
  solution_.x = Array<T>(1, spec.d, spec.rhs);
  T wanted = 0;
  gels(spec_, Distribution(spec, comm.size(), grid_), a_.data(), b_.data(), &wanted, -1);
  work_.resize(static_cast<std::size_t>(wanted));
}

template <class T>
Scalapack<T>::~Scalapack() {
  if (grid_ >= 0) Cblacs_gridexit(grid_);
}

template <class T>
const LeastSquaresSolution<T>& Scalapack<T>::run(const LeastSquaresProblem<T>& problem) {
  data_.hand_over(problem);
  std::copy(data_.a().begin(), data_.a().end(), a_.begin());
  std::copy(data_.b().begin(), data_.b().end(), b_.begin());
  const int info = gels(spec_, Distribution(spec_, comm_.size(), grid_), a_.data(), b_.data(), work_.data(),
                        static_cast<int>(work_.size()));
  if (info != 0) throw Failure("pdgels failed with code " + std::to_string(info));
  // The solution's d rows lie on the first ranks; with n / P >= d, on the first one.
  const Index rows = spec_.n / comm_.size();
  std::fill(solution_.x.span().begin(), solution_.x.span().end(), T(0));
  for (Index i = 0; i < spec_.d; ++i)
    if (i / rows == comm_.rank())
      for (Index j = 0; j < spec_.rhs; ++j) solution_.x(0, i, j) = b_[static_cast<std::size_t>(j * rows + i % rows)];
  comm_.all_reduce(solution_.x.span());
  return solution_;
}

template <class T>
Schedule Scalapack<T>::schedule(const LeastSquaresSpec& spec, const Params&, const Counts&, int ranks, int) {
  const auto rows = static_cast<double>(spec.n) / ranks, d = static_cast<double>(spec.d);
  const auto rhs = static_cast<double>(spec.rhs);
  const auto word = static_cast<Index>(sizeof(T));
  Schedule schedule;
  schedule.compute(2 * rows * d * d + 4 * rows * d * rhs, rows * (d + rhs) * sizeof(T));
  schedule.communicate(Operation::all_reduce, spec.d * spec.rhs * word);
  return schedule.resident(2 * ColumnMajorProblem<T>::bytes(spec, spec.n / ranks));
}

template <class T>
Promise Scalapack<T>::promise() const {
  Promise promise;
  promise.reason = "a peer: nothing is claimed for it";
  return promise;
}

template class Scalapack<float>;
template class Scalapack<double>;

}  // namespace breakeven::peers
