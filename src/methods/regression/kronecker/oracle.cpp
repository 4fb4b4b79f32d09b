#include "methods/regression/kronecker/oracle.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/layout.hpp"
#include "comm/agree.hpp"

namespace breakeven::regression {
namespace {

using Extended = long double;
using Matrix = std::vector<Extended>;  // d x d, row-major

constexpr Index rows_at_once = 1024;

/// y with R'y = a, in place.
void solve_transposed(const Matrix& r, Index d, Extended* a) {
  for (Index c = 0; c < d; ++c) {
    for (Index p = 0; p < c; ++p) a[c] -= r[static_cast<std::size_t>(p * d + c)] * a[p];
    a[c] /= r[static_cast<std::size_t>(c * d + c)];
  }
}

/// Sum over ranks: what a double cannot hold of a number travels as a second one.
void sum_over_ranks(const Communicator& comm, Matrix& values) {
  std::vector<double> parts;
  for (const Extended value : values) {
    parts.push_back(static_cast<double>(value));
    parts.push_back(static_cast<double>(value - static_cast<Extended>(parts.back())));
  }
  comm.all_reduce(std::span<double>(parts));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<Extended>(parts[2 * i]) + static_cast<Extended>(parts[2 * i + 1]);
}

/// R with R'R = g, in place; false if a pivot is lost in rounding.
bool factorise(Matrix& g, Index d) {
  const auto at = [d](Index i, Index j) { return static_cast<std::size_t>(i * d + j); };
  for (Index j = 0; j < d; ++j) {
    const Extended whole = g[at(j, j)];
    for (Index k = 0; k < j; ++k) g[at(j, j)] -= g[at(k, j)] * g[at(k, j)];
    const Extended smallest = whole * static_cast<Extended>(d) * std::numeric_limits<Extended>::epsilon();
    if (!(g[at(j, j)] > smallest)) return false;
    g[at(j, j)] = std::sqrt(g[at(j, j)]);
    for (Index c = j + 1; c < d; ++c) {
      for (Index k = 0; k < j; ++k) g[at(j, c)] -= g[at(k, j)] * g[at(k, c)];
      g[at(j, c)] /= g[at(j, j)];
    }
  }
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < i; ++j) g[at(i, j)] = 0;
  return true;
}

/// The Gram matrix of A R^-1 over the rows of all ranks; of A where there is no R yet.
template <class T>
Matrix gram(const Communicator& comm, const Source<T>& source, const std::string& name, Range share, Index d,
            const Matrix& r) {
  Matrix sums(static_cast<std::size_t>(d * d), 0);
  std::vector<Extended> row(static_cast<std::size_t>(d));
  for (Index begin = share.begin; begin < share.end; begin += rows_at_once) {
    const Array<T> rows = source.rows(name, 0, {begin, std::min(begin + rows_at_once, share.end)});
    for (Index i = 0; i < rows.rows(); ++i) {
      for (Index c = 0; c < d; ++c) row[static_cast<std::size_t>(c)] = static_cast<Extended>(rows(0, i, c));
      if (!r.empty()) solve_transposed(r, d, row.data());
      for (Index p = 0; p < d; ++p)
        for (Index q = p; q < d; ++q)
          sums[static_cast<std::size_t>(p * d + q)] +=
              row[static_cast<std::size_t>(p)] * row[static_cast<std::size_t>(q)];
    }
  }
  sum_over_ranks(comm, sums);
  return sums;
}

[[noreturn]] void reject(const std::string& name) {
  throw CollectiveError(ExitCode::usage, "dataset /" + name +
                                             " has linearly dependent columns, or a condition number above about "
                                             "1e9; the problem needs a factor of full rank");
}

template <class T>
Array<double> triangle(const Communicator& comm, const Source<T>& source, const std::string& name, Index n, Index d) {
  const Range share = block(n, comm.size(), comm.rank());
  Matrix first = gram(comm, source, name, share, d, {});
  if (!factorise(first, d)) reject(name);
  Matrix second = gram(comm, source, name, share, d, first);
  if (!factorise(second, d)) reject(name);
  Array<double> r(1, d, d);
  for (Index i = 0; i < d; ++i)
    for (Index j = i; j < d; ++j) {
      Extended sum = 0;
      for (Index k = i; k <= j; ++k)
        sum += second[static_cast<std::size_t>(i * d + k)] * first[static_cast<std::size_t>(k * d + j)];
      r(0, i, j) = static_cast<double>(sum);
    }
  return r;
}

}  // namespace

template <class T>
std::array<Array<double>, 2> reference_triangles(const Communicator& comm, const KroneckerSpec& spec,
                                                 const Source<T>& source) {
  return {triangle(comm, source, "a1", spec.n, spec.d),
          triangle(comm, source, "a2", spec.second_rows(), spec.second_columns())};
}

Array<double> inverse_of_upper(const Array<double>& r) {
  const Index d = r.columns();
  Array<double> inverse(1, d, d);
  for (Index j = 0; j < d; ++j) {
    inverse(0, j, j) = 1 / r(0, j, j);
    for (Index i = j - 1; i >= 0; --i) {
      double sum = 0;
      for (Index k = i + 1; k <= j; ++k) sum += r(0, i, k) * inverse(0, k, j);
      inverse(0, i, j) = -sum / r(0, i, i);
    }
  }
  return inverse;
}

template std::array<Array<double>, 2> reference_triangles(const Communicator&, const KroneckerSpec&,
                                                          const Source<float>&);
template std::array<Array<double>, 2> reference_triangles(const Communicator&, const KroneckerSpec&,
                                                          const Source<double>&);

}  // namespace breakeven::regression
