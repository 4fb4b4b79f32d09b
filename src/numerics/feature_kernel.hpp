#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/array.hpp"
#include "base/index.hpp"
#include "numerics/feature_tiles.hpp"
#include "numerics/monomials.hpp"

namespace breakeven {

/// Attention through monomial features: with phi(x) all monomials x^a of degree <= `degree` and weights w,
///   sum_j p(scale <q, k_j>) [v_j, 1] = phi(q)^T diag(w) S,   S = sum_j phi(k_j) [v_j, 1]   (t x (d_value + 1)).
/// Linear in the number of tokens; T is float or double. Single rank, no communicator. One object serves one thread.
///
/// Tokens lie in vector lanes. A monomial of the top degree is its parent times one variable and is never stored: the
/// side of the keys multiplies the variable into the values, the side of the queries into a sum over parents.
/// Rounding: sums over the tokens of a tile (at most 512) and over the t features are of type T, everything else
/// double.
template <class T>
class FeatureKernel {
 public:
  /// Allocates and touches its tiles. d, d_value >= 1, degree >= 0. Only `with_causal` objects can run causal().
  FeatureKernel(Index d, Index degree, Index d_value, bool with_causal = true);

  Index features() const { return basis_.size(); }
  const MonomialBasis& basis() const { return basis_; }
  /// features() x (d_value + 1), row-major: row a is sum_j k_j^a [v_j, 1].
  Index state_size() const { return basis_.size() * columns_; }

  /// state += sum over the rows of phi(k_j - shift) [v_j, 1]. keys (rows x d), values (rows x d_value); an empty shift
  /// is zero, otherwise it has d entries. `look`, if any, is called with each range of rows just before it is read:
  /// what else is to be known of them costs no journey of its own from memory. Returns max ||k_j - shift||^2, see
  /// apply().
  double accumulate(const T* keys, const T* values, Index rows, std::span<double> state, std::span<const T> shift = {},
                    const std::function<void(Range)>& look = {});

  /// outputs (rows x d_value) = N_i / D_i and denominators (rows) = D_i with [N_i, D_i] = phi(q_i)^T weighted_state,
  /// where row a of weighted_state is w_a times row a of S. D_i = 0 divides by zero and gives what the hardware gives.
  /// Returns max ||q_i||^2, rounded up as by largest_squared_norm(); -infinity without a row.
  double apply(const T* queries, Index rows, std::span<const T> weighted_state, T* outputs, T* denominators);

  /// Row i attends to the tokens that running_state holds and to rows j <= i; the rows join running_state (unweighted).
  /// Several calls on consecutive rows give what one call gives, up to rounding. `weights` = basis().weights(c, scale),
  /// `c` has degree + 1 entries. Within a block of causal_block() rows p is evaluated on the scores; earlier tokens
  /// come through the state, which is weighted once a block. Returns max ||q_i||^2 as apply() does.
  double causal(const T* queries, const T* keys, const T* values, Index rows, std::span<double> running_state,
                std::span<const double> weights, std::span<const double> c, double scale, T* outputs, T* denominators,
                std::span<const T> shift = {});

  /// What the constructor allocates.
  static Index bytes(Index d, Index degree, Index d_value, bool with_causal = true);
  /// Rows of one block of causal(): long enough to amortise the weighting of the state, short beside t.
  static Index causal_block(Index d, Index degree);

  /// Useful operations on that many rows: a product for each feature, a multiply-add for each feature and column;
  /// inside a causal block a score, p of it and its columns for each pair.
  static double accumulate_flops(Index d, Index degree, Index d_value, Index rows);
  static double apply_flops(Index d, Index degree, Index d_value, Index rows);
  static double causal_flops(Index d, Index degree, Index d_value, Index rows);

 private:
  struct Sizes;
  FeatureKernel(MonomialBasis basis, Index d_value, const Sizes& sizes);

  /// The variables of `rows` tokens in the first columns of a tile, zeros from there to `capacity`. Returns their
  /// largest squared norm.
  T fill_tile(const T* tokens, Index rows, const T* shift, T* tile, Index stride, Index capacity);
  void copy_block(const T* keys, const T* values, Index rows, std::span<const T> shift);
  void apply_panel(const T* weighted_state);
  /// Where the two highest degrees begin; both at the end below degree 2.
  Index below_parents() const;
  Index below_children() const;
  void add_own_block(Index first, Index rows);

  MonomialBasis basis_;
  Index columns_;               ///< d_value + 1
  Index stored_, stored_keys_;  ///< rows of a tile of queries, of keys
  Index block_;
  FeatureTiles<T> tiles_;
  std::vector<RowOffsets> panel_rows_, key_rows_;  ///< of all features; of those below the top degree
  std::vector<double> totals_;                     ///< sums of the features alone, for one call
  std::vector<FeatureRun> children_;               ///< of the top degree, for each variable; empty below degree 2
  Index first_run_ = 0;                            ///< of children_ that are taken as runs by the side of the queries
  AlignedVector<T> key_tile_, value_tile_, query_tile_, sums_;
  AlignedVector<T> block_keys_, block_values_, scores_, weighted_state_, polynomial_;  ///< of causal()
};

extern template class FeatureKernel<float>;
extern template class FeatureKernel<double>;

}  // namespace breakeven
