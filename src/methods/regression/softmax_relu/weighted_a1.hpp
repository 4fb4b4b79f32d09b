#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/array.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/softmax_relu/model.hpp"
#include "methods/regression/softmax_relu/problem.hpp"
#include "numerics/gram.hpp"
#include "numerics/triangle_qr.hpp"

namespace breakeven::regression {

/// What methods make of W A1, whose rows do not change: its Gram matrix, a sketch of it, its leverage scores, and
/// sampled Gram matrices of A1 with any diagonal. Results equal on all ranks. All member functions are collective, one
/// call on the communicator each. Errors: none; a factor is empty where the matrix is not positive definite.
template <class T>
class WeightedA1 {
 public:
  WeightedA1(const Communicator&, const SoftmaxReluSpec&);

  /// R with R'R = A1'W^2A1. One all_reduce of d (d + 1) / 2 numbers; rows d^2 flops.
  std::optional<Array<double>> exact_factor(const SoftmaxReluProblem<T>&);
  /// R with R'R = (S W A1)'(S W A1), S an OSNAP sketch with 8 entries a column. One all_reduce of sketch_rows d
  /// numbers; 16 flops an entry of A1.
  std::optional<Array<double>> sketched_factor(const SoftmaxReluProblem<T>&, Index sketch_rows, std::uint64_t draw);
  /// Leverage scores tau_i of the rows of W A1, by a tree of triangles (TSQR): |w_i a_i R^-1|^2. One combine of
  /// d (d + 1) / 2 numbers; 4 rows d^2 flops. Returns whether W A1 has full rank to working precision.
  bool compute_scores(const SoftmaxReluProblem<T>&);
  /// A1' D A1 from rows kept with probability min(1, samples tau_i / d) and divided by it; `kept` is how many, over all
  /// ranks. Row i is kept or not by (draw, global i, round) alone. One all_reduce of d (d + 1) / 2 + 1 numbers.
  Array<double> sampled_gram(const SoftmaxReluProblem<T>&, std::span<const T> diagonal, double samples,
                             std::uint64_t draw, Index round, Index& kept);

  std::span<const T> scores() const { return scores_; }

  // Their cost; of sampled_gram with `kept` rows over all ranks.
  static void add_exact_factor(Schedule&, const ModelCost&);
  static void add_sketched_factor(Schedule&, const ModelCost&, Index sketch_rows);
  static void add_scores(Schedule&, const ModelCost&);
  static void add_sampled_gram(Schedule&, const ModelCost&, double kept_share);
  static Index resident_bytes(const ModelCost&, Index sketch_rows);

 private:
  void square_weights(const SoftmaxReluProblem<T>&);

  Communicator comm_;
  SoftmaxReluSpec spec_;
  Gram<T> gram_;
  AlignedVector<T> squares_, scores_, chunk_, chunk_weights_, sketch_;
  std::vector<double> sums_;
  TriangleQr<T> qr_;
};

/// p with R'R p = -g.
std::vector<double> descend(const Array<double>& r, std::span<const double> g);

/// ceil(factor d ln d), at least d: how many rows a leverage sample keeps.
double leverage_samples(double factor, Index d);

}  // namespace breakeven::regression
