#include "results/import/import.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "results/input_file.hpp"

namespace breakeven {
namespace {

constexpr Index block_entries = (1 << 20) / sizeof(double);

/// A stack of matrices as its rows pass by, one slice after the other.
struct Rows {
  Index slices = 1, rows = 0, columns = 1;
};

Rows rows_of(const Shape& shape) {
  Rows rows;
  if (shape.size() == 1) return {1, shape[0], 1};
  for (std::size_t k = 0; k + 2 < shape.size(); ++k) rows.slices *= shape[k];
  return {rows.slices, shape[shape.size() - 2], shape.back()};
}

void check(const ImportOptions& options, const std::string& out) {
  if (!(options.normalise > 0) || std::isinf(options.normalise))
    throw BadRequest("normalise must be finite and above 0, got " + to_text(Value(options.normalise)));
  if (options.max_rows < 0) throw BadRequest("max-rows must be at least 0, got " + std::to_string(options.max_rows));
  if (options.dtype != "auto" && options.dtype != "f32" && options.dtype != "f64")
    throw BadRequest("dtype must be auto, f32 or f64, got " + in_quotes(options.dtype));
  if (options.append && options.overwrite) throw BadRequest("append and overwrite exclude each other");
  if (options.append && !std::filesystem::exists(out))
    throw BadRequest(out + ": does not exist, so append cannot add to it");
  if (!options.append && !options.overwrite && std::filesystem::exists(out))
    throw BadRequest(out + ": exists already; overwrite replaces it, append adds to it");
}

/// [row, column], with the leading subscripts of a stack before them; counted from 0, as NumPy counts.
std::string subscripts(Index entry, const Shape& shape) {
  std::string text;
  for (std::size_t k = shape.size(); k-- > 0; entry /= shape[k])
    text = std::to_string(entry % shape[k]) + (text.empty() ? "" : ", ") + text;
  return "[" + text + "]";
}

Values attributes_of(const std::string& source, const MatrixFacts& facts, const ImportOptions& options) {
  Values attributes{{"source", std::filesystem::path(source).filename().string(), "", ""},
                    {"source_sha256", sha256_of_file(source), "", ""}};
  attributes.insert(attributes.end(), facts.settings.begin(), facts.settings.end());
  attributes.push_back({"normalise", options.normalise, "", ""});
  attributes.insert(attributes.end(), facts.origin.begin(), facts.origin.end());
  attributes.push_back({"how_made", facts.how_made, "", ""});
  return attributes;
}

/// One entry on its way from reader to output.
template <class T>
T converted(double entry, const ImportOptions& options, const std::string& source, Index position, const Shape& shape) {
  const auto reject = [&](const std::string& what) {
    throw BadRequest(source + ": the entry at " + subscripts(position, shape) + " " + what);
  };
  if (!std::isfinite(entry)) reject("is " + std::string(std::isnan(entry) ? "nan" : "infinite"));
  const double scaled = entry / options.normalise;
  if (std::abs(scaled) > static_cast<double>(std::numeric_limits<T>::max()))
    reject("is " + to_text(Value(entry)) + "; divided by normalise it is beyond " +
           (sizeof(T) == 4 ? "f32; dtype f64 may hold it" : "f64"));
  return static_cast<T>(scaled);
}

template <class T>
void copy(MatrixReader& reader, const std::string& source, const ImportOptions& options, Index kept,
          InputWriter& writer) {
  const Shape& shape = reader.facts().shape;
  const Rows all = rows_of(shape);
  std::vector<double> entries;
  std::vector<T> block;
  Index position = 0;
  for (Index slice = 0; slice < all.slices; ++slice) {
    for (Index row = 0, count = 0; row < all.rows; row += count) {
      if (row == kept && slice + 1 == all.slices) return;
      count = std::min((row < kept ? kept : all.rows) - row, std::max<Index>(block_entries / all.columns, 1));
      entries.resize(static_cast<std::size_t>(count * all.columns));
      reader.read(entries);
      if (row < kept) {
        block.resize(entries.size());
        for (std::size_t i = 0; i < entries.size(); ++i)
          block[i] = converted<T>(entries[i], options, source, position + static_cast<Index>(i), shape);
        writer.append(std::span<const T>(block));
      }
      position += count * all.columns;
    }
  }
}

}  // namespace

ImportSummary import_matrix(const std::string& source, const OpenMatrix& open, const ImportOptions& options,
                            const std::string& out) {
  check(options, out);
  const std::unique_ptr<ByteStream> bytes = open_bytes(source);
  const std::unique_ptr<MatrixReader> reader = open(*bytes);
  const MatrixFacts& facts = reader->facts();
  ImportSummary summary{facts.summary, facts.shape};
  const Rows all = rows_of(facts.shape);
  const Index kept = options.max_rows == 0 ? all.rows : std::min(all.rows, options.max_rows);
  summary.shape[summary.shape.size() == 1 ? 0 : summary.shape.size() - 2] = kept;

  const bool single = (options.dtype == "auto" ? facts.dtype : options.dtype) == "f32";
  InputWriter writer(out, options.names, single ? h5::Type::real32 : h5::Type::real64, summary.shape,
                     attributes_of(source, facts, options),
                     options.append ? InputWriter::Existing::extended : InputWriter::Existing::replaced);
  if (single)
    copy<float>(*reader, source, options, kept, writer);
  else
    copy<double>(*reader, source, options, kept, writer);
  writer.commit();
  return summary;
}

}  // namespace breakeven
