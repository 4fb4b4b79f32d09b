#pragma once

#include <hdf5.h>

#include <string>
#include <type_traits>

#include "results/h5.hpp"

/// What the h5*.cpp files share; includes hdf5.h, so nobody else includes this.
namespace breakeven::h5 {

static_assert(std::is_same_v<hid_t, std::int64_t>, "Handle keeps identifiers as 64-bit integers");

/// Turns HDF5's own printing off.
void silence();
/// The reason of the last error in a few words.
std::string last_reason();

Handle text_type();
hid_t stored_type(Type type);  ///< not for text
/// The text as HDF5 can keep it: valid UTF-8 without NUL; every offending byte becomes U+FFFD.
std::string storable(const std::string& text);

template <class T>
hid_t memory_type() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::is_same_v<T, Index>) return H5T_NATIVE_INT64;
  if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
}

}  // namespace breakeven::h5
