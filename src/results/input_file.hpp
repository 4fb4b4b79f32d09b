#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/source.hpp"
#include "base/value.hpp"
#include "results/durable_file.hpp"
#include "results/h5.hpp"

namespace breakeven {

/// An HDF5 file of named matrices, opened read-only with the serial driver: every rank opens it for itself.
/// Datasets: integers or floats of any width, at least one dimension; the last is the columns, the one before it the
/// rows, all leading ones together the slices (n x d; batch x heads x n x d). A vector has one column: shape {n, 1}.
/// Signs are numbers +1 and -1 (n x d), or, where the dataset has an attribute `n_bits` = d, packed in bytes
/// (n x ceil(d / 8)) or 64-bit words (n x ceil(d / 64)): coordinate 8 k + b is bit b of byte k, set for -1, and bits
/// beyond d are zero. That is numpy.packbits(a < 0, axis=1, bitorder="little").
/// Not collective. Errors: BadRequest that names file and dataset: missing, no numbers, more values declared than
/// stored, values kept in another file, slice, rows or columns
/// outside.
class Hdf5InputFile final : public InputFile {
 public:
  explicit Hdf5InputFile(const std::string& path);
  ~Hdf5InputFile() override;

  std::string path() const override { return path_; }
  /// Reads the whole file, once.
  std::string sha256() const override;
  void adopt_sha256(const std::string& known) override { sha256_ = known; }
  bool has(std::string_view name) const override { return file_.has(name); }
  Shape shape(std::string_view name) const override;
  void read(std::string_view name, Index slice, Range range, std::span<float> out) const override;
  void read(std::string_view name, Index slice, Range range, std::span<double> out) const override;
  void read_block(std::string_view name, Index slice, Range range, Range columns, std::span<float> out) const override;
  void read_block(std::string_view name, Index slice, Range range, Range columns, std::span<double> out) const override;
  void read_entries(std::string_view name, Index slice, std::span<const Position> where,
                    std::span<float> out) const override;
  void read_entries(std::string_view name, Index slice, std::span<const Position> where,
                    std::span<double> out) const override;
  std::array<Index, 2> sign_shape(std::string_view name) const override;
  void read_signs(std::string_view name, Range range, std::span<Word> out) const override;
  std::vector<std::string> names() const;  ///< of the datasets in the root group
  /// Reads every dataset that can be read; ordinary errors are left to whoever needs it. For a process that may die of
  /// what HDF5 does with a damaged file. `before_reading` hears how many bytes the next dataset declares.
  void read_through(const std::function<void(Index bytes)>& before_reading) const;

 private:
  struct Opened {
    h5::Dataset dataset;
    Shape shape;  ///< as stored: a vector's has one entry
  };
  const Opened& opened(std::string_view name) const;
  /// Throws BadRequest where slice, rows or columns are outside.
  void check_part(const Opened& dataset, Index slice, Range range, Range columns) const;
  template <class T>
  void read_each(std::string_view name, Index slice, std::span<const Position> where, std::span<T> out) const;
  template <class T>
  void read_part(std::string_view name, Index slice, Range range, Range columns, std::span<T> out) const;

  std::string path_;
  h5::File file_;
  mutable std::map<std::string, Opened, std::less<>> opened_;
  mutable std::string sha256_;
};

/// Writes an input file row by row: one contiguous dataset under its first name, the further names being hard links to
/// it; `attributes` are those of the dataset. No times are stored: equal contents make equal bytes, hence one SHA-256.
/// The file appears under its name on commit(), whole or not at all.
class InputWriter {
 public:
  /// What becomes of a file of that name: `extended` keeps its datasets and refuses one of the same name.
  enum class Existing { replaced, extended };
  InputWriter(const std::string& path, std::vector<std::string> names, h5::Type type, const Shape& shape,
              const Values& attributes, Existing existing = Existing::replaced);
  /// The next rows of the last-but-one dimension (of a vector: entries), slice after slice.
  template <class T>
  void append(std::span<const T> values);
  /// One more dataset, of texts, beside the matrix. Errors: BadRequest if the file has one of that name.
  void add_texts(const std::string& name, std::span<const std::string> texts);
  void commit();

 private:
  std::string path_;
  TemporaryFile temporary_;
  std::vector<std::string> names_;
  h5::File file_;
  std::unique_ptr<h5::Dataset> dataset_;
  Shape leading_;  ///< dimensions before rows and columns
  Index rows_ = 0, columns_ = 0, rows_written_ = 0;
  std::size_t dimensions_ = 0;
};

/// The whole of it at once. T is float, double or std::uint8_t. Errors: BadRequest for a bad name or a length that does
/// not fit the shape, Failure with path and reason.
template <class T>
void write_inputs(const std::string& path, const std::vector<std::string>& names, const Shape& shape,
                  std::span<const T> values, const Values& attributes);

}  // namespace breakeven
