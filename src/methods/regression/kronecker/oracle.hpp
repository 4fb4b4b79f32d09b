#pragma once

#include <array>

#include "base/source.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/factors.hpp"

namespace breakeven::regression {

/// The triangles R of A = QR of both factors, positive diagonal, for references: by Gram matrices and Cholesky in
/// extended precision, twice (the second time on A R^-1, whose condition is near 1), from the rows the Source serves.
/// Shares no code with any method. Collective; every rank reads its block of rows. Equal on all ranks.
/// Cost per rank: 3 n d^2 / P extended flops a factor.
/// Errors: CollectiveError if the columns of a factor are linearly dependent: condition above about 1e9.
/// Source: Cholesky QR twice (Yamamoto, Nakatsukasa, Yanagisawa, Fukaya 2015).
template <class T>
std::array<Array<double>, 2> reference_triangles(const Communicator&, const KroneckerSpec&, const Source<T>&);

/// R^-1 of an upper triangular matrix.
Array<double> inverse_of_upper(const Array<double>& r);

}  // namespace breakeven::regression
