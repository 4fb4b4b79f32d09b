#pragma once

#include <cstdint>

#include "base/index.hpp"

namespace breakeven {

/// A feature is the product of two rows of a tile: its parent and one variable. Row 0 holds ones, row 1 + v variable v,
/// and the monomials of degree 2 up to one below the top follow in their order; the top degree is never stored.
struct FeatureLink {
  std::int32_t parent;
  std::int32_t factor;
};

/// The same as offsets into a panel's tile, in entries: an address in the inner loop of `apply` costs no arithmetic,
/// which would take turns with the multiply-adds.
struct PanelLink {
  Index parent;
  Index factor;
};

/// The features of the top degree with one largest variable: feature first + r is parent r times that variable.
struct FeatureRun {
  Index first;
  Index count;
};

/// The two highest degrees of a basis of degree 3 and more: parents, of one below the top, and their children.
struct FeatureFamilies {
  const FeatureLink* parents;  ///< their own links; their rows are never all stored
  Index first_parent, n_parents;
  const FeatureRun* children;  ///< one run for each variable
  Index variables;
};

/// Rows of a tile behind the stored ones for as many parents at a time.
inline constexpr Index family_rows = 3;

/// Tokens of one cache line, and of the three lines a panel is wide: fixed, so that layouts do not depend on the CPU.
template <class T>
inline constexpr Index line_tokens = 64 / static_cast<Index>(sizeof(T));
template <class T>
inline constexpr Index panel_tokens = 3 * line_tokens<T>;

/// The compute kernels of FeatureKernel for one instruction set. A tile is row-major [row][token], rows `stride` apart
/// and 64-byte aligned; token counts are multiples of line_tokens, unused lanes hold zeros (or anything finite where
/// the values are zero).
template <class T>
struct FeatureTiles {
  const char* target;  ///< name of the instruction set

  /// out[column][row] = in[row][column] - shift[column] (shift may be null), rows of `out` `out_stride` apart.
  void (*transpose)(const T* in, Index rows, Index columns, Index in_stride, const T* shift, T* out, Index out_stride);
  /// Fills the stored rows that `links` names, row `first` on, for `tokens` tokens.
  void (*expand)(T* tile, Index stride, Index tokens, const FeatureLink* links, Index n_links, Index first);
  /// state[a][c] += sum over tokens of feature a times column c. `values` is [line of tokens][column][token in line];
  /// sums within the call are of type T, `state` is row-major (features x columns).
  void (*accumulate)(const T* tile, Index stride, Index tokens, const FeatureLink* links, Index n_links,
                     const T* values, Index columns, double* state);
  /// The same for the two highest degrees. `parents_row`: the first of family_rows rows of the tile that it overwrites.
  void (*accumulate_families)(T* tile, Index stride, Index tokens, const FeatureFamilies& families, Index parents_row,
                              const T* values, Index columns, double* state);
  /// out[a][c] = weights[a] state[a][c], both row-major (features x columns).
  void (*weigh)(const double* state, const double* weights, Index features, Index columns, T* out);
  /// sums[c][token] = sum over a of feature a times coefficients[a][c], for one panel (tile stride panel_tokens).
  void (*apply)(const T* tile, const PanelLink* links, Index n_links, const T* coefficients, Index columns, T* sums);
  /// scores[j][token] = p(<query token, key j>) for one panel; keys row-major (n_keys x d), c the n_c coefficients of
  /// p. Scores are written for n_keys rounded up to 8 rows, keys read likewise.
  void (*score)(const T* tile, const T* keys, Index n_keys, Index d, const T* c, Index n_c, T* scores);
  /// sums[c][token] += sum over j of scores[j][token] values[j][c], values row-major (n_keys x columns).
  void (*add_values)(const T* scores, Index n_keys, const T* values, Index columns, T* sums);
  /// outputs[token][c] = sums[c][token] / sums[columns-1][token], and the denominators, for the first `tokens` tokens
  /// of one panel; overwrites sums.
  void (*normalise)(T* sums, Index columns, Index tokens, T* outputs, T* denominators);
};

/// The kernels of the best instruction set this CPU has. T is float or double.
template <class T>
FeatureTiles<T> feature_tiles();

}  // namespace breakeven
