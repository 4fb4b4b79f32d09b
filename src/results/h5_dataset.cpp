#include <hdf5_hl.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "results/h5_internal.hpp"

namespace breakeven::h5 {
namespace {

/// No lossless filter of HDF5 packs denser than deflate's 1032 : 1; a file that claims more is a trap.
constexpr double largest_compression = 1100;

std::vector<hsize_t> extents(const Shape& shape) {
  return {shape.begin(), shape.end()};
}

Handle block_in_file(const Dataset& dataset, const Shape& start, const Shape& count) {
  Handle space(H5Dget_space(dataset.id()), H5Sclose);
  const std::vector<hsize_t> first = extents(start), number = extents(count);
  if (H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, first.data(), nullptr, number.data(), nullptr) < 0)
    dataset.fail("cannot select rows");
  return space;
}

Handle block_in_memory(Index elements) {
  const auto n = static_cast<hsize_t>(elements);
  return {H5Screate_simple(1, &n, nullptr), H5Sclose};
}

std::vector<std::string> read_texts(const Dataset& dataset) {
  const auto n = static_cast<std::size_t>(dataset.size());
  std::vector<char*> pointers(n, nullptr);
  const Handle type = text_type();
  const Handle space(H5Dget_space(dataset.id()), H5Sclose);
  if (n > 0 && H5Dread(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) < 0)
    dataset.fail("cannot be read");
  std::vector<std::string> texts(n);
  for (std::size_t i = 0; i < n; ++i)
    if (pointers[i] != nullptr) texts[i] = pointers[i];
  if (n > 0) H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, pointers.data());
  return texts;
}

void write_texts(const Dataset& dataset, std::span<const std::string> texts) {
  std::vector<std::string> valid;
  valid.reserve(texts.size());
  for (const std::string& text : texts) valid.push_back(storable(text));
  std::vector<const char*> pointers;
  pointers.reserve(texts.size());
  for (const std::string& text : valid) pointers.push_back(text.c_str());
  const Handle type = text_type();
  if (!pointers.empty() && H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) < 0)
    dataset.fail("cannot be written");
}

}  // namespace

Shape Dataset::shape() const {
  const Handle space(H5Dget_space(id()), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.id());
  std::vector<hsize_t> lengths(static_cast<std::size_t>(std::max(rank, 0)));
  if (rank < 0 || H5Sget_simple_extent_dims(space.id(), lengths.data(), nullptr) < 0) fail("has no readable shape");
  if (H5Sget_simple_extent_type(space.id()) == H5S_NULL) reject("is empty: it has a null dataspace");
  Shape shape;
  double elements = 1;
  for (const hsize_t length : lengths) {
    elements *= static_cast<double>(length);
    if (elements > 9e18) reject("declares more elements than can be counted");
    shape.push_back(static_cast<Index>(length));
  }
  return shape;
}

Index Dataset::size() const {
  Index elements = 1;
  for (const Index length : shape()) elements *= length;
  return elements;
}

Index Dataset::offset() const {
  const haddr_t position = H5Dget_offset(id());
  if (position == HADDR_UNDEF && size() > 0) fail("has no place in the file");
  return position == HADDR_UNDEF ? 0 : static_cast<Index>(position);
}

bool Dataset::holds_numbers() const {
  const Handle type(H5Dget_type(id()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.id());
  return kind == H5T_INTEGER || kind == H5T_FLOAT;
}

Index Dataset::integer_bytes() const {
  const Handle type(H5Dget_type(id()), H5Tclose);
  return H5Tget_class(type.id()) == H5T_INTEGER ? static_cast<Index>(H5Tget_size(type.id())) : 0;
}

bool Dataset::is_chunked() const {
  const Handle properties(H5Dget_create_plist(id()), H5Pclose);
  return H5Pget_layout(properties.id()) == H5D_CHUNKED;
}

Type Dataset::type() const {
  const Handle type(H5Dget_type(id()), H5Tclose);
  const std::size_t bytes = H5Tget_size(type.id());
  switch (H5Tget_class(type.id())) {
    case H5T_INTEGER:
      return bytes == 1 && H5Tget_sign(type.id()) == H5T_SGN_NONE ? Type::flag : Type::integer;
    case H5T_FLOAT:
      return bytes <= 4 ? Type::real32 : Type::real64;
    case H5T_STRING:
      if (H5Tis_variable_str(type.id()) > 0) return Type::text;
      [[fallthrough]];
    default:
      reject("is of a type that is not read here: only numbers and variable-length strings are");
  }
}

void Dataset::check_storage() const {
  const Handle type(H5Dget_type(id()), H5Tclose);
  const Handle properties(H5Dget_create_plist(id()), H5Pclose);
  if (H5Pget_external_count(properties.id()) > 0) reject("keeps its values in another file, which is not read");
  if (H5Pget_layout(properties.id()) == H5D_VIRTUAL) reject("is a virtual dataset, which is not read");
  const double declared = static_cast<double>(size()) * static_cast<double>(H5Tget_size(type.id()));
  const bool packed = H5Pget_nfilters(properties.id()) > 0;
  // The size of the storage is a field of the file too, so it is believed only up to the size of the file.
  const Handle file(H5Iget_file_id(id()), H5Fclose);
  hsize_t file_size = 0;
  if (H5Fget_filesize(file.id(), &file_size) < 0) fail("has no file size");
  const double stored = static_cast<double>(std::min<hsize_t>(H5Dget_storage_size(id()), file_size));
  if (declared > stored * (packed ? largest_compression : 1)) reject("declares more values than the file holds");
}

template <class T>
std::vector<T> Dataset::read() const {
  check_storage();
  if constexpr (std::is_same_v<T, std::string>) {
    if (type() != Type::text) reject("is not text");
    return read_texts(*this);
  } else {
    if (!holds_numbers()) reject("holds no numbers");
    std::vector<T> values(static_cast<std::size_t>(size()));
    if (!values.empty() && H5Dread(id(), memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
      fail("cannot be read");
    return values;
  }
}

template <class T>
void Dataset::read_block(const Shape& start, const Shape& count, std::span<T> out) const {
  if (out.empty()) return;
  const Handle file_space = block_in_file(*this, start, count);
  const Handle memory_space = block_in_memory(static_cast<Index>(out.size()));
  if (H5Dread(id(), memory_type<T>(), memory_space.id(), file_space.id(), H5P_DEFAULT, out.data()) < 0)
    fail("cannot be read");
}

void Dataset::read_bits(const Shape& start, const Shape& count, std::span<std::byte> out) const {
  if (out.empty()) return;
  const Handle type(H5Dget_type(id()), H5Tclose);
  const Handle native(H5Tget_native_type(type.id(), H5T_DIR_ASCEND), H5Tclose);
  const Handle file_space = block_in_file(*this, start, count);
  const Handle memory_space = block_in_memory(std::ssize(out) / std::max<Index>(integer_bytes(), 1));
  if (H5Tget_size(native.id()) != H5Tget_size(type.id())) reject("holds integers of a width that is not read");
  if (H5Dread(id(), native.id(), memory_space.id(), file_space.id(), H5P_DEFAULT, out.data()) < 0)
    fail("cannot be read");
}

template <class T>
void Dataset::read_elements(std::span<const Index> where, std::span<T> out) const {
  if (out.empty()) return;
  const std::vector<hsize_t> coordinates(where.begin(), where.end());
  const Handle file_space(H5Dget_space(id()), H5Sclose);
  if (H5Sselect_elements(file_space.id(), H5S_SELECT_SET, out.size(), coordinates.data()) < 0) fail("cannot be read");
  const Handle memory_space = block_in_memory(static_cast<Index>(out.size()));
  if (H5Dread(id(), memory_type<T>(), memory_space.id(), file_space.id(), H5P_DEFAULT, out.data()) < 0)
    fail("cannot be read");
}

template <class T>
void Dataset::write(std::span<const T> values) const {
  if (static_cast<Index>(values.size()) != size()) throw Failure(name() + ": wrong number of values");
  if constexpr (std::is_same_v<T, std::string>) {
    write_texts(*this, values);
  } else if (!values.empty() && H5Dwrite(id(), memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    fail("cannot be written");
  }
}

template <class T>
void Dataset::write_block(const Shape& start, const Shape& count, std::span<const T> values) const {
  if (values.empty()) return;
  const Handle file_space = block_in_file(*this, start, count);
  const Handle memory_space = block_in_memory(static_cast<Index>(values.size()));
  if (H5Dwrite(id(), memory_type<T>(), memory_space.id(), file_space.id(), H5P_DEFAULT, values.data()) < 0)
    fail("cannot be written");
}

void Dataset::mark_unknown() const {
  constexpr std::string_view attribute = "_FillValue";
  switch (type()) {
    case Type::integer:
      return set_attribute(attribute, unknown_index);
    case Type::real64:
      return set_attribute(attribute, std::numeric_limits<double>::quiet_NaN());
    case Type::flag: {
      const std::uint8_t unknown = 255;  // beyond what Value's bool can say
      const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
      const Handle created(
          H5Acreate2(id(), "_FillValue", stored_type(Type::flag), space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
      if (created.id() < 0 || H5Awrite(created.id(), H5T_NATIVE_UINT8, &unknown) < 0) fail("cannot write _FillValue");
      return;
    }
    default:
      return;
  }
}

void Dataset::make_scale() const {
  const std::string dimension = name().substr(name().rfind('/') + 1);
  if (H5DSset_scale(id(), dimension.c_str()) < 0) fail("cannot become a dimension scale");
}

void Dataset::attach_scale(const Dataset& scale, unsigned dimension) const {
  if (H5DSattach_scale(id(), scale.id(), dimension) < 0) fail("cannot get its dimension scale");
}

bool Dataset::is_scale() const {
  return H5DSis_scale(id()) > 0;
}

std::string Dataset::scale_of(unsigned dimension) const {
  std::string name;
  const auto keep_name = [](hid_t, unsigned, hid_t scale, void* data) -> herr_t {
    char text[256] = "";
    H5DSget_scale_name(scale, text, sizeof text);
    *static_cast<std::string*>(data) = text;
    return 1;
  };
  H5DSiterate_scales(id(), dimension, nullptr, keep_name, &name);
  return name;
}

template std::vector<std::uint8_t> Dataset::read() const;
template std::vector<Index> Dataset::read() const;
template std::vector<float> Dataset::read() const;
template std::vector<double> Dataset::read() const;
template std::vector<std::string> Dataset::read() const;
template void Dataset::read_block(const Shape&, const Shape&, std::span<float>) const;
template void Dataset::read_block(const Shape&, const Shape&, std::span<double>) const;
template void Dataset::read_elements(std::span<const Index>, std::span<float>) const;
template void Dataset::read_elements(std::span<const Index>, std::span<double>) const;
template void Dataset::write(std::span<const std::uint8_t>) const;
template void Dataset::write(std::span<const Index>) const;
template void Dataset::write(std::span<const float>) const;
template void Dataset::write(std::span<const double>) const;
template void Dataset::write(std::span<const std::string>) const;
template void Dataset::write_block(const Shape&, const Shape&, std::span<const std::uint8_t>) const;
template void Dataset::write_block(const Shape&, const Shape&, std::span<const Index>) const;
template void Dataset::write_block(const Shape&, const Shape&, std::span<const float>) const;
template void Dataset::write_block(const Shape&, const Shape&, std::span<const double>) const;

}  // namespace breakeven::h5
