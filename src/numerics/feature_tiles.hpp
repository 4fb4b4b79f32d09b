#pragma once

#include "base/index.hpp"

namespace breakeven {

/// A feature is the product of two rows of a tile: its parent and one variable. Row 0 holds ones, row 1 + v variable v,
/// and the monomials of degree 2 up to one below the top follow in their order; the top degree is never stored. Offsets
/// into a tile are in bytes: an address in an inner loop costs no arithmetic, which would take turns with the
/// multiply-adds.
struct RowOffsets {
  Index parent;
  Index factor;
};

/// The features of the top degree with one largest variable: feature first + r is parent r times that variable.
struct FeatureRun {
  Index first;
  Index count;
};

/// The two highest degrees of a basis of degree 2 and more, on the side of the keys: parents, of one below the top, and
/// their children. Parents are made family_rows at a time, meet all their children and are overwritten; each child is
/// summed as the parent times (variable times value), so that it needs no row and no product of its own.
struct FeatureFamilies {
  const RowOffsets* links;  ///< of the stored features, which are those before the parents, and of the parents
  Index given;              ///< of the stored features, how many need not be made
  Index first_parent, n_parents;
  const FeatureRun* children;  ///< one run for each variable
  Index variables;
};
inline constexpr Index family_rows = 14;

/// The features on the side of the queries that are products of two rows of a panel: the first `given` rows are there,
/// those up to `stored` are stored when they are first made, for their own children, and the rest is not.
struct PanelRows {
  const RowOffsets* links;
  Index given, stored, products;
};

/// Long runs of the top degree on the side of the queries: the sum over its parents, which are stored, is taken first
/// and multiplied by the variable then, which saves a product for each feature.
struct FeatureRuns {
  const FeatureRun* runs;  ///< one for each variable
  Index first_variable, variables;
  Index first_parent;  ///< of all runs
};

/// Tokens of one cache line, and of the three lines a panel is wide: fixed, so that layouts do not depend on the CPU.
template <class T>
inline constexpr Index line_tokens = 64 / static_cast<Index>(sizeof(T));
template <class T>
inline constexpr Index panel_tokens = 3 * line_tokens<T>;
/// Tokens of a tile of keys: family_rows rows, a strip of values and a factor stay in the first-level cache. Rows lie
/// an odd number of lines apart: a power of two would put them on the same sets of that cache.
template <class T>
inline constexpr Index tile_tokens = 22 * line_tokens<T>;
template <class T>
inline constexpr Index tile_stride = tile_tokens<T> + line_tokens<T>;
/// Columns of values that a tile has room for are a multiple of this many.
inline constexpr Index most_strip_columns = 8;

/// The compute kernels of FeatureKernel for one instruction set. A tile is row-major [row][token], rows `stride` apart
/// and 64-byte aligned; token counts are multiples of line_tokens, unused lanes hold zeros (or anything finite where
/// the values are zero).
template <class T>
struct FeatureTiles {
  const char* target;  ///< name of the instruction set

  /// out[column][row] = in[row][column] - shift[column] (shift may be null), rows of `out` `out_stride` apart.
  void (*transpose)(const T* in, Index rows, Index columns, Index in_stride, const T* shift, T* out, Index out_stride);
  /// The largest sum of squares of a token, over `variables` rows of a tile; 0 without a token.
  T (*largest_squared_norm)(const T* rows, Index variables, Index tokens, Index stride);
  /// Lays the values (rows x columns, row-major) of one tile of keys out as accumulate() reads them: at most
  /// padded_rows times `columns` rounded up to most_strip_columns entries.
  void (*pack_values)(const T* values, Index rows, Index padded_rows, Index columns, T* out);
  /// For one tile of keys (stride tile_stride): state[a][c] += sum over its tokens of feature a times column c of the
  /// values, totals[a] += sum of feature a. Makes the stored rows and, in `parents` (family_rows rows), the parents.
  /// Sums are of type T; `state` is row-major (features x columns, the last column left alone); row 0 of the tile is
  /// zero behind the last token.
  void (*accumulate)(T* tile, Index tokens, const FeatureFamilies& families, T* parents, const T* values, Index columns,
                     double* state, double* totals);
  /// out[a][c] = weights[a] state[a][c], both row-major (features x columns).
  void (*weigh)(const double* state, const double* weights, Index features, Index columns, T* out);
  /// sums[c][token] = sum over a of feature a times coefficients[a][c], for one panel (tile stride panel_tokens): the
  /// first rows.products features by their links, the others in runs. Fills the stored rows of the tile.
  void (*apply)(T* tile, const PanelRows& rows, const FeatureRuns& runs, const T* coefficients, Index columns, T* sums);
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
