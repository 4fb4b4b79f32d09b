#include "results/input_file.hpp"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <functional>
#include <numeric>
#include <set>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "base/sha256.hpp"

namespace breakeven {
namespace {

static_assert(std::endian::native == std::endian::little, "packed bytes become words as they lie");

Index product(Shape::const_iterator begin, Shape::const_iterator end) {
  return std::accumulate(begin, end, Index{1}, std::multiplies<>());
}

/// Stored shape with the rows and columns that every matrix has: a vector becomes one column.
Shape as_matrix(Shape shape) {
  if (shape.size() == 1) shape.push_back(1);
  return shape;
}

/// Position along each leading dimension of slice number `slice`, the last dimension fastest.
Shape position_of(Index slice, const Shape& leading) {
  Shape position(leading.size());
  for (std::size_t k = leading.size(); k-- > 0;) {
    position[k] = slice % leading[k];
    slice /= leading[k];
  }
  return position;
}

struct Block {
  Shape start, count;
};

/// Rows of one slice as a block of a dataset of so many dimensions.
Block block_of(Index slice, Range rows, Range columns, const Shape& leading, std::size_t dimensions) {
  Block block{position_of(slice, leading), Shape(leading.size(), 1)};
  block.start.insert(block.start.end(), {rows.begin, columns.begin});
  block.count.insert(block.count.end(), {rows.size(), columns.size()});
  block.start.resize(dimensions);  // a vector's column is no dimension of the file
  block.count.resize(dimensions);
  return block;
}

std::vector<std::string> checked(const std::string& path, std::vector<std::string> names) {
  std::set<std::string> seen;
  for (const std::string& name : names)
    if (name.empty() || name == "." || name.find('/') != std::string::npos || !seen.insert(name).second)
      throw BadRequest(path + ": names must be distinct, not empty and without a slash, got '" + name + "'");
  if (names.empty()) throw BadRequest(path + ": at least one dataset name is needed");
  return names;
}

Index bytes_of(h5::Type type, const Shape& shape) {
  const Index element_bytes = type == h5::Type::flag ? 1 : type == h5::Type::real32 ? 4 : 8;
  return product(shape.begin(), shape.end()) * element_bytes;
}

h5::File create(const TemporaryFile& temporary, h5::Type type, const Shape& shape) {
  temporary.check_room(bytes_of(type, shape));
  return h5::File::create(temporary.temporary_path());
}

/// A copy of `path` to add a dataset of these names to.
h5::File extend(const TemporaryFile& temporary, const std::string& path, const std::vector<std::string>& names,
                h5::Type type, const Shape& shape) {
  {
    const h5::File file = h5::File::open(path);
    for (const std::string& name : names)
      if (file.has(name)) throw BadRequest(path + ": has a dataset '" + name + "' already");
  }
  temporary.check_room(static_cast<Index>(std::filesystem::file_size(path)) + bytes_of(type, shape));
  std::filesystem::copy_file(path, temporary.temporary_path(), std::filesystem::copy_options::overwrite_existing);
  return h5::File::open_to_extend(temporary.temporary_path());
}

template <class T>
constexpr h5::Type type_for() {
  if constexpr (std::is_same_v<T, float>) return h5::Type::real32;
  if constexpr (std::is_same_v<T, double>) return h5::Type::real64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return h5::Type::flag;
}

}  // namespace

Hdf5InputFile::Hdf5InputFile(const std::string& path) : path_(path), file_(h5::File::open(path)) {}
Hdf5InputFile::~Hdf5InputFile() = default;

std::string Hdf5InputFile::sha256() const {
  if (sha256_.empty()) sha256_ = sha256_of_file(path_);
  return sha256_;
}

std::vector<std::string> Hdf5InputFile::names() const {
  std::vector<std::string> found = file_.names();
  std::erase_if(found, [&](const std::string& name) { return !file_.has_dataset(name); });
  return found;
}

const Hdf5InputFile::Opened& Hdf5InputFile::opened(std::string_view name) const {
  const auto known = opened_.find(name);
  if (known != opened_.end()) return known->second;
  if (!file_.has(name)) {
    constexpr std::size_t shown = 10;
    const std::vector<std::string> there = names();
    std::string list;
    for (std::size_t i = 0; i < std::min(there.size(), shown); ++i)
      list += (list.empty() ? "; it holds " : ", ") + h5::brief(there[i]);
    if (there.size() > shown) list += " and " + std::to_string(there.size() - shown) + " more";
    file_.reject("has no dataset '" + std::string(name) + "'" + list);
  }
  h5::Dataset dataset = file_.dataset(name);
  if (!dataset.holds_numbers()) dataset.reject("holds no numbers");
  Shape shape = dataset.shape();
  if (shape.empty()) dataset.reject("is a scalar, not a matrix");
  dataset.check_storage();
  return opened_.emplace(std::string(name), Opened{std::move(dataset), std::move(shape)}).first->second;
}

Shape Hdf5InputFile::shape(std::string_view name) const {
  return as_matrix(opened(name).shape);
}

void Hdf5InputFile::check_part(const Opened& opened, Index slice, Range range, Range wanted) const {
  const Shape shape = as_matrix(opened.shape);
  const Index rows = shape[shape.size() - 2], columns = shape.back();
  const Index slices = product(shape.begin(), shape.end() - 2);
  if (slice < 0 || slice >= slices)
    opened.dataset.reject("has " + std::to_string(slices) + " slices, asked for number " + std::to_string(slice));
  if (range.begin < 0 || range.end < range.begin || range.end > rows)
    opened.dataset.reject("has " + std::to_string(rows) + " rows, asked for [" + std::to_string(range.begin) + ", " +
                          std::to_string(range.end) + ")");
  if (wanted.begin < 0 || wanted.end < wanted.begin || wanted.end > columns)
    opened.dataset.reject("has " + std::to_string(columns) + " columns, asked for [" + std::to_string(wanted.begin) +
                          ", " + std::to_string(wanted.end) + ")");
}

template <class T>
void Hdf5InputFile::read_part(std::string_view name, Index slice, Range range, Range wanted, std::span<T> out) const {
  const Opened& there = opened(name);
  check_part(there, slice, range, wanted);
  if (static_cast<Index>(out.size()) != range.size() * wanted.size())
    throw Failure(path_ + ": " + std::string(name) + ": " + std::to_string(out.size()) +
                  " values asked for, the rows have " + std::to_string(range.size() * wanted.size()));
  const Shape shape = as_matrix(there.shape);
  const auto [start, count] = block_of(slice, range, wanted, Shape(shape.begin(), shape.end() - 2), there.shape.size());
  there.dataset.read_block(start, count, out);
}

template <class T>
void Hdf5InputFile::read_each(std::string_view name, Index slice, std::span<const Position> where,
                              std::span<T> out) const {
  const Opened& there = opened(name);
  const Shape shape = as_matrix(there.shape);
  const Shape leading = position_of(slice, Shape(shape.begin(), shape.end() - 2));
  std::vector<Index> coordinates;
  coordinates.reserve(where.size() * shape.size());
  for (const auto& [row, column] : where) {
    check_part(there, slice, {row, row + 1}, {column, column + 1});
    coordinates.insert(coordinates.end(), leading.begin(), leading.end());
    coordinates.push_back(row);
    if (there.shape.size() > 1) coordinates.push_back(column);  // a vector's column is no dimension of the file
  }
  there.dataset.read_elements(coordinates, out);
}

void Hdf5InputFile::read_entries(std::string_view name, Index slice, std::span<const Position> where,
                                 std::span<float> out) const {
  read_each(name, slice, where, out);
}

void Hdf5InputFile::read_entries(std::string_view name, Index slice, std::span<const Position> where,
                                 std::span<double> out) const {
  read_each(name, slice, where, out);
}

void Hdf5InputFile::read(std::string_view name, Index slice, Range range, std::span<float> out) const {
  read_part(name, slice, range, {0, shape(name).back()}, out);
}

void Hdf5InputFile::read(std::string_view name, Index slice, Range range, std::span<double> out) const {
  read_part(name, slice, range, {0, shape(name).back()}, out);
}

void Hdf5InputFile::read_block(std::string_view name, Index slice, Range range, Range columns,
                               std::span<float> out) const {
  read_part(name, slice, range, columns, out);
}

void Hdf5InputFile::read_block(std::string_view name, Index slice, Range range, Range columns,
                               std::span<double> out) const {
  read_part(name, slice, range, columns, out);
}

std::array<Index, 2> Hdf5InputFile::sign_shape(std::string_view name) const {
  const auto [rows, columns] = InputFile::sign_shape(name);
  const h5::Dataset& dataset = opened(name).dataset;
  if (!dataset.has_attribute("n_bits")) return {rows, columns};
  const Index n_bits = dataset.integer_attribute("n_bits");
  const Index width = 8 * dataset.integer_bytes();
  if (width != 8 && width != bits_per_word) dataset.reject("has n_bits, so it must hold bytes or 64-bit integers");
  if (n_bits < 1 || (n_bits - 1) / width + 1 != columns)
    dataset.reject("has n_bits = " + std::to_string(n_bits) + ", which is not what " + std::to_string(columns) +
                   " columns of " + std::to_string(width) + " bits hold");
  return {rows, n_bits};
}

void Hdf5InputFile::read_signs(std::string_view name, Range range, std::span<Word> out) const {
  const Opened& there = opened(name);
  if (!there.dataset.has_attribute("n_bits")) return InputFile::read_signs(name, range, out);
  const Index n_bits = sign_shape(name)[1], words = words_for(n_bits);
  const Range columns{0, shape(name).back()};
  check_part(there, 0, range, columns);
  const Index row_bytes = columns.end * there.dataset.integer_bytes(),
              word_bytes = words * static_cast<Index>(sizeof(Word));
  std::vector<std::byte> stored(static_cast<std::size_t>(range.size() * row_bytes));
  const auto [start, count] = block_of(0, range, columns, {}, there.shape.size());
  there.dataset.read_bits(start, count, stored);
  std::fill(out.begin(), out.end(), Word{0});
  const std::span<std::byte> packed = std::as_writable_bytes(out);
  for (Index i = 0; i < range.size(); ++i)  // a row ends with a byte there and with a word here
    std::copy_n(stored.begin() + i * row_bytes, row_bytes, packed.begin() + i * word_bytes);
  require_zero_padding(out, n_bits, name, range.begin);
}

void Hdf5InputFile::read_through(const std::function<void(Index bytes)>& before_reading) const {
  constexpr Index most_values = Index{1} << 20;
  for (const std::string& name : names()) try {
      const Opened& found = opened(name);
      const Shape matrix = shape(name);
      const Index rows = matrix[matrix.size() - 2], columns = std::max<Index>(matrix.back(), 1);
      const Index slices = product(matrix.begin(), matrix.end() - 2), step = std::max<Index>(most_values / columns, 1);
      before_reading(slices * rows * columns * static_cast<Index>(sizeof(double)));
      std::vector<double> values;
      for (Index slice = 0; slice < slices; ++slice)
        for (Index row = 0; row < rows; row += step) {
          const bool inside = slice > 0 && slice + 1 < slices;
          if (inside && !found.dataset.is_chunked())
            continue;  // where values lie one after the other, the ends will do
          const Range range{row, std::min(row + step, rows)};
          values.resize(static_cast<std::size_t>(range.size() * matrix.back()));
          read(name, slice, range, std::span<double>(values));
        }
    } catch (const Error&) {  // whoever needs this dataset says so
    }
}

InputWriter::InputWriter(const std::string& path, std::vector<std::string> names, h5::Type type, const Shape& shape,
                         const Values& attributes, Existing existing)
    : path_(path),
      temporary_(path),
      names_(checked(path, std::move(names))),
      file_(existing == Existing::extended ? extend(temporary_, path, names_, type, shape)
                                           : create(temporary_, type, shape)) {
  dataset_ = std::make_unique<h5::Dataset>(file_.create_dataset(names_.front(), type, shape));
  for (const NamedValue& attribute : attributes) dataset_->set_attribute(attribute.name, attribute.value);
  for (std::size_t i = 1; i < names_.size(); ++i) file_.link(names_.front(), names_[i]);
  const Shape matrix = as_matrix(shape);
  leading_ = Shape(matrix.begin(), matrix.end() - 2);
  rows_ = matrix[matrix.size() - 2];
  columns_ = matrix.back();
  dimensions_ = shape.size();
}

template <class T>
void InputWriter::append(std::span<const T> values) {
  while (!values.empty()) {  // each round one block of one slice
    const Index row = rows_written_ % rows_;
    const Index count = std::min(static_cast<Index>(values.size()) / columns_, rows_ - row);
    if (count == 0) throw Failure(temporary_.temporary_path() + ": rows that are not whole");
    const auto [start, extent] =
        block_of(rows_written_ / rows_, {row, row + count}, {0, columns_}, leading_, dimensions_);
    const auto entries = static_cast<std::size_t>(count * columns_);
    dataset_->write_block(start, extent, values.first(entries));
    values = values.subspan(entries);
    rows_written_ += count;
  }
}

void InputWriter::add_texts(const std::string& name, std::span<const std::string> texts) {
  if (file_.has(name)) throw BadRequest(path_ + ": has a dataset '" + name + "' already");
  const h5::Dataset dataset = file_.create_dataset(name, h5::Type::text, {static_cast<Index>(texts.size())});
  dataset.write(texts);
}

void InputWriter::commit() {
  dataset_.reset();
  file_.close();
  temporary_.commit();
}

template <class T>
void write_inputs(const std::string& path, const std::vector<std::string>& names, const Shape& shape,
                  std::span<const T> values, const Values& attributes) {
  if (shape.empty() || product(shape.begin(), shape.end()) != static_cast<Index>(values.size()))
    throw BadRequest(path + ": " + std::to_string(values.size()) + " values do not fill the shape");
  InputWriter writer(path, names, type_for<T>(), shape, attributes);
  writer.append(values);
  writer.commit();
}

template void InputWriter::append(std::span<const float>);
template void InputWriter::append(std::span<const double>);
template void InputWriter::append(std::span<const std::uint8_t>);
template void write_inputs(const std::string&, const std::vector<std::string>&, const Shape&, std::span<const float>,
                           const Values&);
template void write_inputs(const std::string&, const std::vector<std::string>&, const Shape&, std::span<const double>,
                           const Values&);
template void write_inputs(const std::string&, const std::vector<std::string>&, const Shape&,
                           std::span<const std::uint8_t>, const Values&);

}  // namespace breakeven
