#include <hdf5.h>
#include <mpi.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "comm/native.hpp"
#include "results/durable_file.hpp"
#include "results/h5.hpp"
#include "results/solution.hpp"

namespace breakeven {
namespace {

/// One write of one rank at most: MPI counts are 32 bits wide, and not every MPI-IO splits what exceeds them.
constexpr Index largest_piece_bytes = Index{1} << 30;

struct ArrayView {
  const void* values = nullptr;
  Index size = 0, element_bytes = 0;
  hid_t file_type = -1, memory_type = -1;
};

ArrayView view(const SolutionArray& array) {
  if (const auto* floats = std::get_if<std::span<const float>>(&array.values))
    return {floats->data(), static_cast<Index>(floats->size()), sizeof(float), H5T_IEEE_F32LE, H5T_NATIVE_FLOAT};
  const auto& doubles = std::get<std::span<const double>>(array.values);
  return {doubles.data(), static_cast<Index>(doubles.size()), sizeof(double), H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE};
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

/// Rows that are contiguous in the file and in memory, few enough for one write.
struct Piece {
  Index global_row = 0, local_row = 0, rows = 0;
};

std::vector<Piece> pieces_of(const SolutionArray& array) {
  const Index row_bytes = slices_of(array.shape) * array.shape.back() * view(array).element_bytes;
  const Index most_rows = std::max<Index>(1, largest_piece_bytes / std::max<Index>(1, row_bytes));
  std::vector<Piece> pieces;
  Index local_row = 0;
  for (const Range range : array.ranges)
    for (Index begin = range.begin; begin < range.end; begin += most_rows) {
      const Index rows = std::min(most_rows, range.end - begin);
      pieces.push_back({begin, local_row, rows});
      local_row += rows;
    }
  return pieces;
}

std::vector<hsize_t> extents(const Shape& shape) {
  return {shape.begin(), shape.end()};
}

/// A dataspace of this shape with `rows` rows from `first_row` on selected in every slice; nothing for no rows.
h5::Handle selection(const Shape& shape, Index first_row, Index rows) {
  const std::vector<hsize_t> lengths = extents(shape);
  const auto rank = static_cast<int>(lengths.size());
  h5::Handle space(H5Screate_simple(rank, lengths.data(), nullptr), H5Sclose);
  if (rows == 0) {
    H5Sselect_none(space.id());
    return space;
  }
  std::vector<hsize_t> start(lengths.size(), 0), count = lengths;
  start[lengths.size() - 2] = static_cast<hsize_t>(first_row);
  count[lengths.size() - 2] = static_cast<hsize_t>(rows);
  H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
  return space;
}

/// The collective part: the calls that every rank makes whatever happens. It remembers the first failure of this rank
/// and goes on, since a rank that left early would leave the others waiting.
class CollectiveWriter {
 public:
  CollectiveWriter(const Communicator& comm, const std::string& path) : comm_(comm), transfer_(collective_transfer()) {
    const h5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_fapl_mpio(access.id(), native(comm), MPI_INFO_NULL);
    file_ = h5::Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), H5Fclose);
    if (file_.id() < 0) note("cannot be created");
  }

  const std::string& failure() const { return failure_; }

  void write(const SolutionArray& array) {
    const ArrayView values = view(array);
    const h5::Handle space = selection(array.shape, 0, 0);
    h5::Handle dataset(
        H5Dcreate2(file_.id(), array.name.c_str(), values.file_type, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
        H5Dclose);
    if (dataset.id() < 0) note("cannot hold " + array.name);
    Shape local = array.shape;
    local[local.size() - 2] = rows_of(array.ranges);
    const std::vector<Piece> pieces = pieces_of(array);
    for (Index i = 0; i < most_pieces(pieces); ++i) {
      const Piece piece = i < static_cast<Index>(pieces.size()) ? pieces[static_cast<std::size_t>(i)] : Piece{};
      const h5::Handle in_file = selection(array.shape, piece.global_row, piece.rows);
      const h5::Handle in_memory = selection(local, piece.local_row, piece.rows);
      if (H5Dwrite(dataset.id(), values.memory_type, in_memory.id(), in_file.id(), transfer_.id(), values.values) < 0)
        note("cannot take " + array.name);
    }
    if (!dataset.reset()) note("cannot complete " + array.name);
  }

  void close() {
    if (!file_.reset()) note("cannot be completed");
  }

 private:
  static h5::Handle collective_transfer() {
    h5::silence();
    h5::Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
    H5Pset_dxpl_mpio(transfer.id(), H5FD_MPIO_COLLECTIVE);
    return transfer;
  }
  /// Every rank makes as many writes as the one with the most pieces. Uncounted, collective.
  Index most_pieces(const std::vector<Piece>& pieces) const {
    const std::vector<Index> counts = comm_.gather(static_cast<Index>(pieces.size()));
    return *std::max_element(counts.begin(), counts.end());
  }
  void note(const std::string& what) {
    if (failure_.empty()) failure_ = what + ": " + h5::last_reason();
  }

  const Communicator& comm_;
  h5::Handle transfer_, file_;
  std::string failure_;
};

/// Rank 0 alone, with the serial driver: HDF5 cannot store variable-length text through MPI-IO.
void write_attributes(const std::string& path, const std::vector<Column>& columns) {
  h5::File file = h5::File::open_to_extend(path);
  for (const Column& column : columns) {
    const auto* text = std::get_if<std::string>(&column.value);
    if (!is_unknown(column.value) && (text == nullptr || !text->empty())) file.set_attribute(column.name, column.value);
  }
  file.close();
}

}  // namespace

void write_solution(const Communicator& comm, const std::string& path, const std::vector<Column>& columns,
                    const std::vector<SolutionArray>& arrays) {
  std::optional<TemporaryFile> owned;  // rank 0 alone makes the folder and answers for the temporary file
  agree(comm, "writing the solution", [&] {
    for (const SolutionArray& array : arrays) check(array);
    if (!comm.is_root()) return;
    owned.emplace(path);
    owned->check_room(bytes_of(arrays));
  });
  const std::string temporary = comm.broadcast_text(comm.is_root() ? owned->temporary_path() : "");
  CollectiveWriter writer(comm, temporary);
  const auto agree_so_far = [&] {
    agree(comm, "writing the solution", [&] {
      if (!writer.failure().empty()) throw Failure(path + ": " + writer.failure());
    });
  };
  agree_so_far();
  for (const SolutionArray& array : arrays) {
    writer.write(array);
    agree_so_far();
  }
  writer.close();
  agree_so_far();
  agree(comm, "writing the solution", [&] {
    if (!comm.is_root()) return;
    write_attributes(temporary, columns);
    owned->commit();
  });
}

}  // namespace breakeven
