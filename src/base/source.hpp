#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/array.hpp"
#include "base/bits.hpp"
#include "base/index.hpp"

namespace breakeven {

/// What a Source has served so far.
struct Served {
  Index entries = 0;
  Index bytes = 0;
};

/// Where an entry of a matrix stands.
struct Position {
  Index row = 0, column = 0;
};

/// Where the data of a problem come from: named matrices, readable by rows or by entry at global indices.
/// The same for every rank count: rank r asks for its own ranges and nobody else's.
/// Not collective, no communicator. Copies nothing between ranks.
template <class T>
class Source {
 public:
  virtual ~Source() = default;

  /// Rows `range` of slice `slice` of the matrix `name`, row-major, written to `out` (range.size() x columns).
  void rows(std::string_view name, Index slice, Range range, std::span<T> out) const;
  /// The same as a new (1 x range.size() x columns) array.
  Array<T> rows(std::string_view name, Index slice, Range range) const;
  /// Rows `range` and columns `columns` alone, row-major without gaps: what a method that samples asks for.
  void block(std::string_view name, Index slice, Range range, Range columns, std::span<T> out) const;
  T entry(std::string_view name, Index slice, Index i, Index j) const;
  /// Single entries in the order of `where`: one call to a file instead of one an entry.
  void entries(std::string_view name, Index slice, std::span<const Position> where, std::span<T> out) const;

  virtual Index columns(std::string_view name) const = 0;
  /// How many neighbouring entries of a row cost about as much as one alone: what a method that needs some of a row
  /// weighs before it asks for the row. 1 where entries are computed.
  virtual Index entries_at_the_price_of_one() const { return 1; }
  const Served& served() const { return served_; }

 protected:
  virtual void fill(std::string_view name, Index slice, Range range, std::span<T> out) const = 0;
  /// Cuts the columns out of whole rows, unless a source knows something cheaper.
  virtual void fill_block(std::string_view name, Index slice, Range range, Range columns, std::span<T> out) const;
  /// By blocks of one entry, unless a source knows something cheaper.
  virtual void fill_entries(std::string_view name, Index slice, std::span<const Position> where,
                            std::span<T> out) const;

 private:
  mutable Served served_;
};

/// Shape of one dataset of an input file, outermost dimension first.
using Shape = std::vector<Index>;

/// A file of named datasets, opened for reading. HDF5 stands behind it, in a layer that this one does not know.
class InputFile {
 public:
  virtual ~InputFile() = default;
  virtual std::string path() const = 0;
  /// Hexadecimal SHA-256 of the whole file: the identity of the data in a case's hash.
  virtual std::string sha256() const = 0;
  /// Takes over a hash that another rank has computed, so that not every rank reads the whole file.
  virtual void adopt_sha256(const std::string& known) = 0;
  virtual bool has(std::string_view name) const = 0;
  /// Shape of `name`; throws BadRequest that names the file and the dataset if there is none or it holds no numbers.
  virtual Shape shape(std::string_view name) const = 0;
  /// Rows `range` of the last-but-one dimension, at position `slice` of the leading dimensions taken together;
  /// converted to T. Throws BadRequest if the file cannot be read.
  virtual void read(std::string_view name, Index slice, Range range, std::span<float> out) const = 0;
  virtual void read(std::string_view name, Index slice, Range range, std::span<double> out) const = 0;
  /// Rows `range` and columns `columns` alone. Unless a file knows something cheaper, cut out of whole rows.
  virtual void read_block(std::string_view name, Index slice, Range range, Range columns, std::span<float> out) const;
  virtual void read_block(std::string_view name, Index slice, Range range, Range columns, std::span<double> out) const;
  /// Single entries; unless a file knows something cheaper, by blocks.
  virtual void read_entries(std::string_view name, Index slice, std::span<const Position> where,
                            std::span<float> out) const;
  virtual void read_entries(std::string_view name, Index slice, std::span<const Position> where,
                            std::span<double> out) const;

  /// Rows and columns of a matrix of signs, which has no slices: of numbers +1 and -1 as they are stored; a file may
  /// know a packed form too. Throws BadRequest for any other shape.
  virtual std::array<Index, 2> sign_shape(std::string_view name) const;
  /// Rows `range` of it, packed: range.size() x words_for(columns). Throws BadSign at the lowest entry that is no sign.
  virtual void read_signs(std::string_view name, Range range, std::span<Word> out) const;
};

/// Serves an input file's datasets; for T = Word those of signs, a row's words being its columns.
template <class T>
class FileSource final : public Source<T> {
 public:
  explicit FileSource(std::shared_ptr<const InputFile> file) : file_(std::move(file)) {}
  Index columns(std::string_view name) const override {
    if constexpr (std::is_same_v<T, Word>)
      return words_for(file_->sign_shape(name)[1]);
    else
      return file_->shape(name).back();
  }
  /// A call costs microseconds, a neighbouring entry a nanosecond or two.
  Index entries_at_the_price_of_one() const override { return 1000; }

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<T> out) const override {
    if constexpr (std::is_same_v<T, Word>)
      file_->read_signs(name, range, out);
    else
      file_->read(name, slice, range, out);
  }
  void fill_block(std::string_view name, Index slice, Range range, Range columns, std::span<T> out) const override {
    if constexpr (std::is_same_v<T, Word>)
      Source<T>::fill_block(name, slice, range, columns, out);
    else
      file_->read_block(name, slice, range, columns, out);
  }
  void fill_entries(std::string_view name, Index slice, std::span<const Position> where,
                    std::span<T> out) const override {
    if constexpr (std::is_same_v<T, Word>)
      Source<T>::fill_entries(name, slice, where, out);
    else
      file_->read_entries(name, slice, where, out);
  }

 private:
  std::shared_ptr<const InputFile> file_;
};

}  // namespace breakeven
