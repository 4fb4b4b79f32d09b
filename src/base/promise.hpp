#pragma once

#include <limits>
#include <string>

namespace breakeven {

/// What a method claims about its own answer, known after run() and equal on all ranks.
struct Promise {
  enum class Kind {
    none,       ///< nothing is claimed; shown, never judged
    probable,   ///< holds with high probability; tested over seeds
    certified,  ///< proven for this input; a broken one fails the case
  };
  Kind kind = Kind::none;
  std::string metric;  ///< the field of Quality that is bounded
  double bound = std::numeric_limits<double>::quiet_NaN();
  /// Without a certificate: why, and what would give one. Beside one: a warning, or empty.
  std::string reason;
};

std::string to_text(Promise::Kind kind);

}  // namespace breakeven
