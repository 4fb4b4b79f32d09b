#include "methods/regression/score_whitener.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

/// Column norms of R, 1 for a column of zeros.
std::vector<double> column_norms(const Array<double>& r) {
  std::vector<double> norms(static_cast<std::size_t>(r.columns()), 0);
  for (Index i = 0; i < r.rows(); ++i)
    for (Index j = i; j < r.columns(); ++j) norms[static_cast<std::size_t>(j)] += r(0, i, j) * r(0, i, j);
  const double largest = std::sqrt(*std::max_element(norms.begin(), norms.end()));
  for (double& norm : norms) norm = norm > 0 ? std::sqrt(norm) : (largest > 0 ? largest : 1.0);
  return norms;
}

/// A diagonal entry of R with unit columns below this is rounding: that direction is not there.
double rounding_of(Index d) {
  return 10 * static_cast<double>(d) * 0x1p-53;
}

}  // namespace

SampleWhitener whitener_of(Array<double> r) {
  const Index d = r.columns();
  const std::vector<double> norms = column_norms(r);
  SampleWhitener whitener;
  for (Index i = 0; i < d; ++i) {
    for (Index j = i; j < d; ++j) r(0, i, j) /= norms[static_cast<std::size_t>(j)];
    whitener.rank += r(0, i, i) > rounding_of(d) ? 1 : 0;
  }
  Array<double> stacked(1, 2 * d, d);
  std::copy(r.span().begin(), r.span().end(), stacked.data());
  whitener.x = Array<double>(1, d, d);
  for (Index i = 0; i < d; ++i) {
    stacked(0, d + i, i) = rounding_of(d);
    whitener.x(0, i, i) = 1;
  }
  solve_upper(qr_upper(stacked), whitener.x);
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < d; ++j) whitener.x(0, i, j) /= norms[static_cast<std::size_t>(i)];
  return whitener;
}

}  // namespace breakeven::regression
