#include "results/import/npy.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include "results/import/npy_header.hpp"

namespace breakeven {
namespace {

using Bytes = std::vector<std::uint8_t>;

double decoded(const std::uint8_t* entry, const NpyHeader& header) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < header.bytes; ++i) bits = bits << 8 | entry[header.big_endian ? i : header.bytes - 1 - i];
  switch (header.kind) {
    case 'f':
      if (header.bytes == 8) return std::bit_cast<double>(bits);
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    case 'i': {
      const unsigned unused = 64 - 8 * static_cast<unsigned>(header.bytes);
      return static_cast<double>(static_cast<std::int64_t>(bits << unused) >> unused);  // the sign fills the rest
    }
    case 'b':
      return bits == 0 ? 0 : 1;
    default:
      return static_cast<double>(bits);
  }
}

class NpyReader final : public MatrixReader {
 public:
  explicit NpyReader(ByteStream& bytes) : bytes_(bytes), header_(read_npy_header(bytes)) {
    check_length(bytes_, header_.entries, static_cast<Index>(header_.bytes), "entries");
    describe();
    bytes_.rewind();
    Bytes skipped(header_.header_bytes);
    read_again(bytes_, skipped);
    if (!header_.fortran_order) return;
    block_.resize(static_cast<std::size_t>(header_.entries) * header_.bytes);
    read_again(bytes_, block_);
    position_.resize(header_.shape.size());
  }

  const MatrixFacts& facts() const override { return facts_; }

  void read(std::span<double> rows) override {
    if (header_.fortran_order) {
      for (double& value : rows) value = next_of_fortran_order();
      return;
    }
    block_.resize(rows.size() * header_.bytes);
    read_again(bytes_, block_);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = decoded(block_.data() + i * header_.bytes, header_);
  }

 private:
  /// Entries leave with the last subscript fastest and lie with the first one fastest.
  double next_of_fortran_order() {
    std::size_t at = 0;
    for (std::size_t k = position_.size(); k-- > 0;)
      at = at * static_cast<std::size_t>(header_.shape[k]) + static_cast<std::size_t>(position_[k]);
    for (std::size_t k = position_.size(); k-- > 0;) {
      if (++position_[k] < header_.shape[k]) break;
      position_[k] = 0;
    }
    return decoded(block_.data() + at * header_.bytes, header_);
  }

  void describe() {
    facts_.shape = header_.shape;
    facts_.dtype = header_.kind == 'f' && header_.bytes == 4 ? "f32" : "f64";
    std::string lengths;
    for (const Index length : header_.shape) lengths += (lengths.empty() ? "" : " x ") + std::to_string(length);
    facts_.summary = type_name(header_) + " array of " + lengths;
    facts_.origin = {{"type", type_name(header_), "", ""}, {"fortran_order", header_.fortran_order, "", ""}};
    facts_.how_made = "breakeven import npy: the array's entries in its own shape; entries divided by normalise";
  }

  ByteStream& bytes_;
  NpyHeader header_;
  Bytes block_;     ///< of a Fortran-order array all of it
  Shape position_;  ///< subscripts of the entry that comes next, in Fortran order
  MatrixFacts facts_;
};

}  // namespace

std::unique_ptr<MatrixReader> read_npy(ByteStream& bytes) {
  return std::make_unique<NpyReader>(bytes);
}

}  // namespace breakeven
