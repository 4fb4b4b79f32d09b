#pragma once

#include <span>
#include <vector>

#include "base/array.hpp"
#include "comm/communicator.hpp"

// Residuals for the oracle of least squares, in long double (64 bits of mantissa on x86): what no method uses, so that
// the rounding of a method can be seen.
namespace breakeven::regression {

/// R = B - A X of some rows, summed up. Entries are long double.
struct ExtendedResidual {
  Index d = 0, rhs = 0;
  std::vector<long double> gradient;   ///< rhs x d: A'R, transposed
  std::vector<long double> squares;    ///< rhs: |R_j|^2
  std::vector<long double> b_squares;  ///< rhs: |B_j|^2
  long double a_squares = 0;           ///< |A|_F^2

  ExtendedResidual(Index d, Index rhs);
  /// Adds rows of A (rows x d) and B (rows x rhs), both row-major. x: d x rhs. Local; cost: 4 rows d rhs flops.
  template <class T>
  void add(const T* a, const T* b, Index rows, const Array<double>& x);
  /// Sum over ranks on every rank, in pairs of doubles: exact to long double. Collective, one message.
  void sum_over(const Communicator& comm);
};

}  // namespace breakeven::regression
