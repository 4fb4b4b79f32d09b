#include <fcntl.h>

#include <bit>
#include <filesystem>
#include <functional>
#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "results/durable_file.hpp"
#include "results/h5.hpp"
#include "results/solution.hpp"

namespace breakeven {
namespace {

static_assert(std::endian::native == std::endian::little, "values go to the file as they are in memory");

struct ArrayView {
  std::span<const std::byte> bytes;
  Index size = 0, element_bytes = 0;
  h5::Type type = h5::Type::real64;
};

ArrayView view(const SolutionArray& array) {
  if (const auto* floats = std::get_if<std::span<const float>>(&array.values))
    return {std::as_bytes(*floats), static_cast<Index>(floats->size()), sizeof(float), h5::Type::real32};
  if (const auto* integers = std::get_if<std::span<const Index>>(&array.values))
    return {std::as_bytes(*integers), static_cast<Index>(integers->size()), sizeof(Index), h5::Type::integer};
  const auto& doubles = std::get<std::span<const double>>(array.values);
  return {std::as_bytes(doubles), static_cast<Index>(doubles.size()), sizeof(double), h5::Type::real64};
}

Index slices_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end() - 2, Index{1}, std::multiplies<>());
}

Index rows_of(const std::vector<Range>& ranges) {
  return std::accumulate(ranges.begin(), ranges.end(), Index{0}, [](Index n, Range range) { return n + range.size(); });
}

/// Local: throws if this rank's part does not fit the array.
void check(const SolutionArray& array) {
  if (array.shape.size() < 2) throw Failure(array.name + ": a solution array has at least rows and columns");
  const Index n = array.shape[array.shape.size() - 2];
  for (const Range range : array.ranges)
    if (range.begin < 0 || range.size() < 0 || range.end > n)
      throw Failure(array.name + ": rows [" + std::to_string(range.begin) + ", " + std::to_string(range.end) + ") of " +
                    std::to_string(n));
  const Index expected = slices_of(array.shape) * rows_of(array.ranges) * array.shape.back();
  if (view(array).size != expected)
    throw Failure(array.name + ": " + std::to_string(view(array).size) + " values for " + std::to_string(expected));
}

/// Of all ranks together.
Index bytes_of(const std::vector<SolutionArray>& arrays) {
  Index bytes = 0;
  for (const SolutionArray& array : arrays)
    bytes += std::accumulate(array.shape.begin(), array.shape.end(), view(array).element_bytes, std::multiplies<>());
  return bytes;
}

/// Where an array's values lie in the file.
using Offsets = std::vector<Index>;

/// Rank 0 alone, with the serial driver: the whole file but for the values, whose blocks are set aside so that a full
/// disk is known before anybody writes.
Offsets lay_out(const TemporaryFile& temporary, const std::vector<Column>& columns,
                const std::vector<SolutionArray>& arrays) {
  temporary.check_room(bytes_of(arrays));
  Offsets offsets;
  h5::File file = h5::File::create(temporary.temporary_path());
  for (const Column& column : columns) {
    const auto* text = std::get_if<std::string>(&column.value);
    if (!is_unknown(column.value) && (text == nullptr || !text->empty())) file.set_attribute(column.name, column.value);
  }
  for (const SolutionArray& array : arrays)
    offsets.push_back(file.create_reserved_dataset(array.name, view(array).type, array.shape).offset());
  file.close();
  temporary.reserve(static_cast<Index>(std::filesystem::file_size(temporary.temporary_path())));
  return offsets;
}

/// This rank's rows, slice by slice, as plain writes: nobody waits for anybody, so a rank that fails only says so.
void write_rows(const std::string& temporary, Index offset, const SolutionArray& array, const std::string& shown) {
  const ArrayView values = view(array);
  const Index n = array.shape[array.shape.size() - 2], row_bytes = array.shape.back() * values.element_bytes;
  FileWriter file(temporary, O_WRONLY, shown);
  std::span<const std::byte> left = values.bytes;
  for (Index slice = 0; slice < slices_of(array.shape); ++slice)
    for (const Range range : array.ranges) {
      const auto bytes = static_cast<std::size_t>(range.size() * row_bytes);
      file.write(offset + (slice * n + range.begin) * row_bytes, left.first(bytes));
      left = left.subspan(bytes);
    }
  file.sync();
  file.close();
}

}  // namespace

void write_solution(const Communicator& comm, const std::string& path, const std::vector<Column>& columns,
                    const std::vector<SolutionArray>& arrays) {
  constexpr std::string_view phase = "writing the solution";
  std::optional<TemporaryFile> owned;  // rank 0 alone makes the folder and answers for the temporary file
  Offsets offsets(arrays.size());
  agree(comm, phase, [&] {
    for (const SolutionArray& array : arrays) check(array);
    if (!comm.is_root()) return;
    owned.emplace(path);
    offsets = lay_out(*owned, columns, arrays);
  });
  const std::string temporary = comm.broadcast_text(comm.is_root() ? owned->temporary_path() : "");
  comm.broadcast<Index>(offsets);
  agree(comm, phase, [&] {
    for (std::size_t i = 0; i < arrays.size(); ++i) write_rows(temporary, offsets[i], arrays[i], path);
  });
  agree(comm, phase, [&] {
    if (comm.is_root()) owned->commit();
  });
}

}  // namespace breakeven
