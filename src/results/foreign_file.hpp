#pragma once

#include "base/error.hpp"

namespace breakeven {

/// A file that is not ours: no HDF5, no results, or results of another version of the format. One of ours that is
/// damaged is an ordinary BadRequest, and may be measured again.
class ForeignFile : public BadRequest {
 public:
  using BadRequest::BadRequest;
};

}  // namespace breakeven
