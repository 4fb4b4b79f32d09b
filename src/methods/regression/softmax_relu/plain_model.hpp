#pragma once

#include <vector>

#include "base/array.hpp"
#include "comm/communicator.hpp"

namespace breakeven::regression {

/// The loss straight from its definition, in float64: what the oracle of softmax_relu works with. Plain loops over
/// dense rows; shares no code with model.hpp, which the methods use. Member functions are collective; vectors of length
/// d and m are equal on all ranks.
struct PlainModel {
  const Communicator& comm;
  Array<double> a1, a2;  ///< this rank's rows x d, x m
  std::vector<double> w, b;

  // At the last point: z = A1 x and softmax f, this rank's; u = A2 f, r = ReLU(u) - b, whole.
  std::vector<double> z, f, u, r;

  double loss(const std::vector<double>& x);
  /// Size of the rounding of the last loss: sums over n_terms, and u_j that the loss sees r_j times.
  double loss_rounding(double last_loss, Index n_terms) const;
  std::vector<double> gradient() const;
  /// The Hessian, from B in the form F A2'SA2 F + diag(q) - q f' - f q'; and A1'W^2A1.
  Array<double> hessian() const;
  Array<double> weight_gram() const;
  double kink() const;   ///< min |u_j| / median |u_j|
  double min_u() const;  ///< min |u_j|
  /// min w^2 / (1.5 |A2| |r|), with |A2| <= sqrt(|A2|_1 |A2|_inf).
  double weight_condition() const;
  /// Of the Hessian within a cell of the ReLUs: |A1|^2 max |a_i| (18 |A2|^2 + 26 |A2| (|A2| + |b|)), |A2| as above.
  double lipschitz_bound() const;

 private:
  std::vector<double> q() const;
  double a2_norm() const;
  Array<double> diagonal_product(const std::vector<double>& weights) const;
};

}  // namespace breakeven::regression
