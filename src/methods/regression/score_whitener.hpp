#pragma once

#include "base/array.hpp"

namespace breakeven::regression {

/// What the triangle R of a sample of rows tells about the whole matrix.
struct SampleWhitener {
  Index rank = 0;   ///< numerical rank of R, columns scaled to unit norm
  Array<double> x;  ///< d x d: |a x|^2 is the score of a row a against R
};

/// x is R^-1, but directions that R lacks get a large number instead of a division by rounding errors, so that rows in
/// them score far above 1 and others none for it. Local, O(d^3).
/// Source: generalised leverage scores (Cohen, Lee, Musco, Musco, Peng, Sidford 2015), where those scores are infinite.
SampleWhitener whitener_of(Array<double> r);

}  // namespace breakeven::regression
