#include <utility>

#include "base/error.hpp"
#include "results/foreign_file.hpp"
#include "results/h5_internal.hpp"

namespace breakeven::h5 {
namespace {

/// HDF5 wraps what the system said in buffer addresses and clock times: keep the part that helps a reader.
std::string shortened(const std::string& description) {
  constexpr std::string_view mark = "error message = '";
  const std::size_t begin = description.find(mark);
  if (begin == std::string::npos) return description;
  const std::size_t end = description.find('\'', begin + mark.size());
  return description.substr(begin + mark.size(), end == std::string::npos ? end : end - begin - mark.size());
}

/// Bytes of the UTF-8 sequence that begins at `i`; 0 if there is no valid one. RFC 3629, section 4.
std::size_t sequence_length(const std::string& text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(k < text.size() ? text[k] : 0); };
  const auto follows = [&](std::size_t k) { return (byte(k) & 0xC0) == 0x80; };
  const unsigned char first = byte(i);
  if (first != 0 && first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(i + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(i + 1) < 0xA0;
    const bool surrogate = first == 0xED && byte(i + 1) > 0x9F;
    return follows(i + 1) && follows(i + 2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(i + 1) < 0x90;
    const bool too_large = first == 0xF4 && byte(i + 1) > 0x8F;
    return follows(i + 1) && follows(i + 2) && follows(i + 3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

/// Names and reasons come from the file: they must not steer a terminal, break the line or fill the screen.
std::string printable(const std::string& text) {
  constexpr std::size_t longest = 1000;
  const std::string valid = storable(text);
  std::string line;
  for (std::size_t i = 0; i < valid.size() && line.size() < longest; ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const bool control = byte < 0x20 || byte == 0x7f;
    const bool wide_control = byte == 0xC2 && static_cast<unsigned char>(valid[i + 1]) < 0xA0;  // U+0080 to U+009F
    line += control || wide_control ? '?' : valid[i];
    if (wide_control) ++i;
  }
  return line;
}

std::string read_text(const Object& object, const Handle& attribute) {
  const Handle type = text_type();
  char* text = nullptr;
  if (H5Aread(attribute.id(), type.id(), &text) < 0) object.fail("cannot read an attribute");
  std::string copy = text == nullptr ? "" : text;
  H5free_memory(text);
  return copy;
}

template <class T>
T read_number(const Object& object, const Handle& attribute) {
  T number{};
  if (H5Aread(attribute.id(), memory_type<T>(), &number) < 0) object.fail("cannot read an attribute");
  return number;
}

}  // namespace

std::string storable(const std::string& text) {
  std::string valid;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text, i);
    valid += length == 0 ? std::string("\xEF\xBF\xBD") : text.substr(i, length);
    i += length == 0 ? 1 : length;
  }
  return valid;
}

std::string brief(const std::string& text) {
  constexpr std::size_t longest = 60;
  return text.size() <= longest ? text : text.substr(0, longest) + "...";
}

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), H5T_VARIABLE);
  H5Tset_cset(type.id(), H5T_CSET_UTF8);
  return type;
}

hid_t stored_type(Type type) {
  switch (type) {
    case Type::flag:
      return H5T_STD_U8LE;
    case Type::integer:
      return H5T_STD_I64LE;
    case Type::real32:
      return H5T_IEEE_F32LE;
    default:
      return H5T_IEEE_F64LE;
  }
}

void silence() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string last_reason() {
  std::string reason;
  const auto keep_innermost = [](unsigned position, const H5E_error2_t* error, void* data) -> herr_t {
    if (position == 0 && error->desc != nullptr) *static_cast<std::string*>(data) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &reason);
  return shortened(reason);
}

Handle::Handle(Handle&& other) noexcept
    : id_(std::exchange(other.id_, -1)), closer_(std::exchange(other.closer_, nullptr)) {}

Handle& Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    reset();
    id_ = std::exchange(other.id_, -1);
    closer_ = std::exchange(other.closer_, nullptr);
  }
  return *this;
}

bool Handle::reset() {
  const std::int64_t id = std::exchange(id_, -1);
  return id < 0 || closer_ == nullptr || closer_(id) >= 0;
}

void Object::fail(const std::string& what) const {
  const std::string reason = last_reason();
  const std::string message = origin_->file + ": " + what + " (" + name_ + ")" + (reason.empty() ? "" : ": " + reason);
  if (origin_->writing) throw Failure(printable(message));
  throw BadRequest(printable(message));
}

std::string Object::told(const std::string& what) const {
  return printable(origin_->file + ": " + (name_ == "/" ? "" : name_ + " ") + what);
}

void Object::reject(const std::string& what) const {
  throw BadRequest(told(what));
}

void Object::reject_as_foreign(const std::string& what) const {
  throw ForeignFile(told(what));
}

bool Object::has_attribute(std::string_view attribute) const {
  return H5Aexists(handle_.id(), std::string(attribute).c_str()) > 0;
}

Handle Object::scalar_attribute(const std::string& name) const {
  if (!has_attribute(name)) reject("has no attribute " + name);
  Handle opened(H5Aopen(handle_.id(), name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle space(H5Aget_space(opened.id()), H5Sclose);
  if (H5Sget_simple_extent_npoints(space.id()) != 1) reject("has an attribute " + name + " that is not a scalar");
  return opened;
}

Index Object::integer_attribute(std::string_view attribute) const {
  const std::string name(attribute);
  const Handle opened = scalar_attribute(name);
  const Handle type(H5Aget_type(opened.id()), H5Tclose);
  if (H5Tget_class(type.id()) != H5T_INTEGER) reject("has an attribute " + name + " that is no whole number");
  return read_number<Index>(*this, opened);
}

Value Object::attribute(std::string_view attribute) const {
  const std::string name(attribute);
  const Handle opened = scalar_attribute(name);
  const Handle type(H5Aget_type(opened.id()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.id());
  if (kind == H5T_STRING && H5Tis_variable_str(type.id()) > 0) return read_text(*this, opened);
  if (kind == H5T_INTEGER && H5Tget_size(type.id()) == 1 && H5Tget_sign(type.id()) == H5T_SGN_NONE)
    return read_number<std::uint8_t>(*this, opened) != 0;
  if (kind == H5T_INTEGER) return read_number<Index>(*this, opened);
  if (kind == H5T_FLOAT) return read_number<double>(*this, opened);
  reject("has an attribute " + name + " that is neither text nor a number");
}

std::string Object::text_attribute(std::string_view name) const {
  if (!has_attribute(name)) return "";
  const Value value = attribute(name);
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? "" : *text;
}

void Object::set_attribute(std::string_view attribute, const Value& value) const {
  const std::string name(attribute);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const auto store = [&](hid_t file_type, hid_t type, const void* data) {
    const Handle created(H5Acreate2(handle_.id(), name.c_str(), file_type, space.id(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
    if (created.id() < 0 || H5Awrite(created.id(), type, data) < 0) fail("cannot write the attribute " + name);
  };
  if (const auto* text = std::get_if<std::string>(&value)) {
    const Handle type = text_type();
    const std::string valid = storable(*text);
    const char* pointer = valid.c_str();
    store(type.id(), type.id(), &pointer);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    const std::uint8_t byte = *flag ? 1 : 0;
    store(stored_type(Type::flag), H5T_NATIVE_UINT8, &byte);
  } else if (const auto* integer = std::get_if<Index>(&value)) {
    store(stored_type(Type::integer), H5T_NATIVE_INT64, integer);
  } else {
    store(stored_type(Type::real64), H5T_NATIVE_DOUBLE, &std::get<double>(value));
  }
}

}  // namespace breakeven::h5
