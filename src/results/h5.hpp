#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/index.hpp"
#include "base/source.hpp"
#include "base/value.hpp"

/// A thin owner of HDF5 identifiers: what this project stores and nothing else. This header does not include hdf5.h,
/// which drags mpi.h along. Errors while writing are Failure, errors while reading are BadRequest; each is one line
/// that names the file and the object. HDF5 prints nothing itself.
namespace breakeven::h5 {

/// What a dataset holds: u1, signed 64-bit, float, double, variable-length UTF-8. Reading takes any integer or float
/// for `integer`, `real32` or `real64`; HDF5 converts.
enum class Type { flag, integer, real32, real64, text };

/// Owns one identifier and closes it.
class Handle {
 public:
  using Closer = int (*)(std::int64_t);
  Handle() = default;
  Handle(std::int64_t id, Closer closer) : id_(id), closer_(closer) {}
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&& other) noexcept;
  ~Handle() { reset(); }
  std::int64_t id() const { return id_; }
  /// Closes now; false if HDF5 reports an error.
  bool reset();

 private:
  std::int64_t id_ = -1;
  Closer closer_ = nullptr;
};

/// Which file an object belongs to and whether it is being written: what an error message needs.
struct Origin {
  std::string file;
  bool writing = false;
};

/// A group or dataset: something with a name and attributes.
class Object {
 public:
  const std::string& name() const { return name_; }  ///< path inside the file, "/cases/n"
  std::int64_t id() const { return handle_.id(); }
  bool has_attribute(std::string_view attribute) const;
  /// Scalar attribute: text, flag, number. Throws BadRequest if there is none or it is of another shape or type.
  Value attribute(std::string_view attribute) const;
  /// The same as a whole number; a flag is one, too, since that is how one byte is read.
  Index integer_attribute(std::string_view attribute) const;
  /// The same if it is text, else "".
  std::string text_attribute(std::string_view attribute) const;
  void set_attribute(std::string_view attribute, const Value& value) const;
  /// Throws Failure or BadRequest: `what`, this object, its file, and the reason HDF5 gives.
  [[noreturn]] void fail(const std::string& what) const;
  /// Throws BadRequest about the content, without asking HDF5 for a reason.
  [[noreturn]] void reject(const std::string& what) const;
  /// The same for a file that is not ours at all: throws ForeignFile.
  [[noreturn]] void reject_as_foreign(const std::string& what) const;

 protected:
  /// "FILE: /OBJECT what", fit for a terminal.
  std::string told(const std::string& what) const;
  Handle scalar_attribute(const std::string& attribute) const;
  Object(std::shared_ptr<const Origin> origin, std::string name, Handle handle)
      : origin_(std::move(origin)), name_(std::move(name)), handle_(std::move(handle)) {}
  std::shared_ptr<const Origin> origin_;
  std::string name_;
  Handle handle_;
};

class Dataset : public Object {
 public:
  Shape shape() const;  ///< empty for a scalar
  Index size() const;   ///< number of elements
  /// Throws BadRequest if it holds anything else (compound, enum, fixed-length strings, ...).
  Type type() const;
  bool holds_numbers() const;
  /// Bytes of an element if they are integers, else 0.
  Index integer_bytes() const;
  bool is_chunked() const;
  Index offset() const;  ///< of the first value from the beginning of the file; of a reserved dataset
  /// Throws BadRequest unless the elements its shape declares can really be there: nothing may be allocated before.
  void check_storage() const;

  /// All elements, converted; T is std::uint8_t, Index, float, double or std::string. Checks the storage first.
  template <class T>
  std::vector<T> read() const;
  /// The block [start, start + count) of every dimension, into `out`; T is float or double. Bounds are the caller's.
  template <class T>
  void read_block(const Shape& start, const Shape& count, std::span<T> out) const;
  /// Elements one by one: `where` holds dimensions() coordinates for each of `out`. Bounds are the caller's.
  template <class T>
  void read_elements(std::span<const Index> where, std::span<T> out) const;
  /// The block of integers as they are stored, but in this machine's byte order: count x integer_bytes() bytes.
  void read_bits(const Shape& start, const Shape& count, std::span<std::byte> out) const;
  /// All elements; T as in read().
  template <class T>
  void write(std::span<const T> values) const;
  /// The block [start, start + count); T is std::uint8_t, Index, float or double. Bounds are the caller's.
  template <class T>
  void write_block(const Shape& start, const Shape& count, std::span<const T> values) const;

  /// Stores the value that means unknown (255, -1, NaN) as `_FillValue`.
  void mark_unknown() const;
  void make_scale() const;
  void attach_scale(const Dataset& scale, unsigned dimension) const;
  bool is_scale() const;
  /// Name of the scale attached to that dimension, "" if none.
  std::string scale_of(unsigned dimension) const;

 private:
  friend class Group;
  using Object::Object;
};

class Group : public Object {
 public:
  std::vector<std::string> names() const;  ///< in the order of creation where the file kept it, else by name
  bool has(std::string_view child) const;
  bool has_group(std::string_view child) const;
  bool has_dataset(std::string_view child) const;
  Group group(std::string_view child) const;
  Dataset dataset(std::string_view child) const;
  Group create_group(std::string_view child) const;
  /// A contiguous dataset; an empty shape makes a scalar.
  Dataset create_dataset(std::string_view child, Type type, const Shape& shape) const;
  /// The same with its place in the file set aside, for values that do not come through HDF5: Dataset::offset().
  Dataset create_reserved_dataset(std::string_view child, Type type, const Shape& shape) const;
  /// One more name for an object of this group.
  void link(std::string_view existing, std::string_view further) const;

 protected:
  using Object::Object;

 private:
  Dataset create_dataset(std::string_view child, Type type, const Shape& shape, bool reserved) const;
  std::string child_path(std::string_view child) const;
  /// Throws BadRequest unless it is there.
  void require(bool there, const std::string& kind, std::string_view child) const;
};

/// A file and its root group. Files opened for writing keep the order of creation and no times, so that equal contents
/// make equal bytes; all are readable by HDF5 1.8.
class File : public Group {
 public:
  /// Opens for reading; throws BadRequest: missing, truncated; or ForeignFile: not HDF5.
  static File open(const std::string& path);
  static File open_to_extend(const std::string& path);
  /// A new file on disk; replaces one of that name.
  static File create(const std::string& path);
  /// A new file in memory. `name` only serves messages.
  static File create_in_memory(const std::string& name);
  /// The bytes of a file in memory.
  std::vector<std::byte> image() const;
  /// Bytes of the file that follow the last one HDF5 knows of.
  Index trailing_bytes() const;
  /// Throws Failure if what was written did not reach the file. All its groups and datasets must be gone.
  void close();

 private:
  File(std::shared_ptr<const Origin> origin, Handle file, Handle root);
  static File open(const std::string& path, bool to_extend);
  static File adopt(std::shared_ptr<const Origin> origin, Handle file);
  Handle file_;
};

/// A text of a file as a message quotes it: its beginning, if it is long.
std::string brief(const std::string& text);

/// Throws BadRequest unless there is something of that name, ForeignFile unless it is a regular file.
void check_readable(const std::string& path);

}  // namespace breakeven::h5
