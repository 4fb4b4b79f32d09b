#include "numerics/lapack.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

// Fortran's calling convention as GCC and Clang have it: all by address, lengths of texts last.
extern "C" {
void spotrf_(const char* uplo, const int* n, float* a, const int* ld, int* info, std::size_t);
void dpotrf_(const char* uplo, const int* n, double* a, const int* ld, int* info, std::size_t);
void sgeqrf_(const int* m, const int* n, float* a, const int* ld, float* tau, float* work, const int* size, int* info);
void dgeqrf_(const int* m, const int* n, double* a, const int* ld, double* tau, double* work, const int* size,
             int* info);
void sgesdd_(const char* job, const int* m, const int* n, float* a, const int* ld, float* s, float* u, const int* ldu,
             float* vt, const int* ldvt, float* work, const int* size, int* integers, int* info, std::size_t);
void dgesdd_(const char* job, const int* m, const int* n, double* a, const int* ld, double* s, double* u,
             const int* ldu, double* vt, const int* ldvt, double* work, const int* size, int* integers, int* info,
             std::size_t);
void ssyevd_(const char* job, const char* uplo, const int* n, float* a, const int* ld, float* w, float* work,
             const int* size, int* integers, const int* integers_size, int* info, std::size_t, std::size_t);
void dsyevd_(const char* job, const char* uplo, const int* n, double* a, const int* ld, double* w, double* work,
             const int* size, int* integers, const int* integers_size, int* info, std::size_t, std::size_t);
void strcon_(const char* norm, const char* uplo, const char* diagonal, const int* n, const float* a, const int* ld,
             float* rcond, float* work, int* integers, int* info, std::size_t, std::size_t, std::size_t);
void dtrcon_(const char* norm, const char* uplo, const char* diagonal, const int* n, const double* a, const int* ld,
             double* rcond, double* work, int* integers, int* info, std::size_t, std::size_t, std::size_t);
}

namespace breakeven::lapack {
namespace {

/// Calls a routine twice: it first tells the size of its workspace, then works.
template <class T, class Call>
int with_workspace(const Call& call) {
  T wanted = 0;
  int info = 0;
  const int ask = -1;
  call(&wanted, &ask, &info);
  if (info != 0) return info;
  const int size = std::max(1, static_cast<int>(wanted));
  std::vector<T> work(static_cast<std::size_t>(size));
  call(work.data(), &size, &info);
  return info;
}

template <class T, class Routine>
int geqrf_with(Routine* routine, int rows, int columns, T* a) {
  std::vector<T> tau(static_cast<std::size_t>(std::min(rows, columns)));
  return with_workspace<T>(
      [&](T* work, const int* size, int* info) { routine(&rows, &columns, a, &rows, tau.data(), work, size, info); });
}

template <class T, class Routine>
int gesdd_with(Routine* routine, int rows, int columns, T* a, T* values) {
  std::vector<int> integers(static_cast<std::size_t>(8 * std::min(rows, columns)));
  T unused = 0;
  const int one = 1;
  return with_workspace<T>([&](T* work, const int* size, int* info) {
    routine("N", &rows, &columns, a, &rows, values, &unused, &one, &unused, &one, work, size, integers.data(), info, 1);
  });
}

template <class T, class Routine>
int syevd_with(Routine* routine, int n, T* a, T* values) {
  int integer = 0;
  const int one = 1;
  return with_workspace<T>([&](T* work, const int* size, int* info) {
    routine("N", "L", &n, a, &n, values, work, size, &integer, &one, info, 1, 1);
  });
}

template <class T, class Routine>
T trcon_with(Routine* routine, int n, const T* r) {
  std::vector<T> work(static_cast<std::size_t>(3 * n));
  std::vector<int> integers(static_cast<std::size_t>(n));
  T reciprocal = 0;
  int info = 0;
  // The row-major upper triangle is the column-major lower one of the transpose: its infinity norm is r's 1-norm.
  routine("I", "L", "N", &n, r, &n, &reciprocal, work.data(), integers.data(), &info, 1, 1, 1);
  return reciprocal;
}

}  // namespace

int potrf(char uplo, int n, float* a, int ld) {
  int info = 0;
  spotrf_(&uplo, &n, a, &ld, &info, 1);
  return info;
}
int potrf(char uplo, int n, double* a, int ld) {
  int info = 0;
  dpotrf_(&uplo, &n, a, &ld, &info, 1);
  return info;
}

int geqrf(int rows, int columns, float* a) {
  return geqrf_with(sgeqrf_, rows, columns, a);
}
int geqrf(int rows, int columns, double* a) {
  return geqrf_with(dgeqrf_, rows, columns, a);
}

int gesdd_values(int rows, int columns, float* a, float* values) {
  return gesdd_with(sgesdd_, rows, columns, a, values);
}
int gesdd_values(int rows, int columns, double* a, double* values) {
  return gesdd_with(dgesdd_, rows, columns, a, values);
}

int syevd_values(int n, float* a, float* values) {
  return syevd_with(ssyevd_, n, a, values);
}
int syevd_values(int n, double* a, double* values) {
  return syevd_with(dsyevd_, n, a, values);
}

float trcon_one_norm_of_row_major_upper(int n, const float* r) {
  return trcon_with(strcon_, n, r);
}
double trcon_one_norm_of_row_major_upper(int n, const double* r) {
  return trcon_with(dtrcon_, n, r);
}

}  // namespace breakeven::lapack
