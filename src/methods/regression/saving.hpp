#pragma once

#include <string>

namespace breakeven::regression {

/// What a user should know beside the promise of a sketch or a sample of `kept` rows: that it is no smaller than the
/// `rows` it stands for; "" if it is.
inline std::string saving_note(double kept, double rows) {
  return kept < rows ? "" : "no fewer rows are kept than there are: no saving, use an exact method";
}

}  // namespace breakeven::regression
