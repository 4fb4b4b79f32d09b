#include "numerics/definite_solve.hpp"

#include <Eigen/Eigenvalues>

#include "numerics/small_dense.hpp"

namespace breakeven {

DefiniteSolution solve_definite(const Array<double>& h, std::span<const double> g, double floor) {
  const Index d = h.columns();
  DefiniteSolution solution;
  if (const std::optional<Array<double>> r = cholesky(h)) {
    Array<double> x(1, d, 1);
    std::copy(g.begin(), g.end(), x.data());
    solve_upper_transposed(*r, x);
    solve_upper(*r, x);
    solution.x.assign(x.span().begin(), x.span().end());
    return solution;
  }
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(Eigen::Map<const Matrix>(h.data(), d, d));
  const Eigen::VectorXd sizes = eigen.eigenvalues().cwiseAbs();
  const double smallest = floor * sizes.maxCoeff();
  const Eigen::VectorXd along = eigen.eigenvectors().transpose() * Eigen::Map<const Eigen::VectorXd>(g.data(), d);
  const Eigen::VectorXd x = eigen.eigenvectors() * along.cwiseQuotient(sizes.cwiseMax(smallest));
  solution.x.assign(x.data(), x.data() + d);
  solution.modified = true;
  return solution;
}

}  // namespace breakeven
