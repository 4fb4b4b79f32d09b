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

Index rows_kept(const Rows& all, const ImportOptions& options) {
  return options.max_rows == 0 ? all.rows : std::min(all.rows, options.max_rows);
}

/// Rows on their way from reader to output, the first ones of every slice.
class KeptRows {
 public:
  KeptRows(MatrixReader& reader, const std::string& source, const ImportOptions& options)
      : reader_(reader), source_(source), options_(options), all_(rows_of(reader.facts().shape)) {}

  /// Hands on block after block, converted to T, checked and divided by normalise.
  template <class T, class Take>
  void for_each_block(const Take& take) {
    const Index kept = rows_kept(all_, options_);
    std::vector<T> block;
    for (Index slice = 0; slice < all_.slices; ++slice) {
      for (Index row = 0, count = 0; row < all_.rows; row += count) {
        if (row == kept && slice + 1 == all_.slices) return;
        count = std::min((row < kept ? kept : all_.rows) - row, std::max<Index>(block_entries / all_.columns, 1));
        entries_.resize(static_cast<std::size_t>(count * all_.columns));
        reader_.read(entries_);
        if (row < kept) {
          convert(block);
          take(std::span<const T>(block));
        }
        position_ += count * all_.columns;
      }
    }
  }

 private:
  template <class T>
  void convert(std::vector<T>& block) const {
    block.resize(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i)
      block[i] = converted<T>(entries_[i], options_, source_, position_ + static_cast<Index>(i), reader_.facts().shape);
  }

  MatrixReader& reader_;
  const std::string& source_;
  const ImportOptions& options_;
  Rows all_;
  Index position_ = 0;  ///< of the block's first entry
  std::vector<double> entries_;
};

/// The mean of the rows that are kept, column by column. Sums in the order of the rows: the same on every machine.
std::vector<double> mean_of(MatrixReader& reader, const std::string& source, const ImportOptions& options) {
  const Shape& shape = reader.facts().shape;
  std::vector<double> mean(static_cast<std::size_t>(shape.back()));
  KeptRows(reader, source, options).for_each_block<double>([&](std::span<const double> block) {
    for (std::size_t i = 0; i < block.size(); ++i) mean[i % mean.size()] += block[i];
  });
  for (double& value : mean) value /= static_cast<double>(rows_kept(rows_of(shape), options));
  return mean;
}

void write_row_names(const MatrixFacts& facts, const ImportOptions& options, Index kept, InputWriter& writer,
                     ImportSummary& summary) {
  if (facts.row_names.empty()) return;
  summary.names_of_rows = options.names.front() + "_words";
  writer.add_texts(summary.names_of_rows, std::span(facts.row_names).first(static_cast<std::size_t>(kept)));
}

InputWriter::Existing existing(const ImportOptions& options) {
  return options.append ? InputWriter::Existing::extended : InputWriter::Existing::replaced;
}

/// The coder of the source's rows, now that it is known how long they are.
RowCoder coder_for(const Shape& shape, const std::string& source, const CodeOptions& codes) {
  if (shape.size() != 2)
    throw BadRequest(source + ": signs needs one matrix of rows and columns, it has " + std::to_string(shape.size()) +
                     " dimensions");
  return codes.coder(shape.back());
}

/// The mean off every row, if there is one.
void subtract(const std::vector<double>& mean, const std::string& source, std::vector<double>& rows) {
  if (mean.empty()) return;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] -= mean[i % mean.size()];
    if (!std::isfinite(rows[i]))
      throw BadRequest(source + ": an entry less the mean of its column is beyond f64; a larger normalise may help");
  }
}

}  // namespace

ImportSummary import_matrix(const std::string& source, const OpenMatrix& open, const ImportOptions& options,
                            const std::string& out) {
  check(options, out);
  const std::unique_ptr<ByteStream> bytes = open_bytes(source);
  const std::unique_ptr<MatrixReader> reader = open(*bytes);
  const MatrixFacts& facts = reader->facts();
  ImportSummary summary{facts.summary, facts.shape, ""};
  const Index kept = rows_kept(rows_of(facts.shape), options);
  summary.shape[summary.shape.size() == 1 ? 0 : summary.shape.size() - 2] = kept;

  const bool single = (options.dtype == "auto" ? facts.dtype : options.dtype) == "f32";
  InputWriter writer(out, options.names, single ? h5::Type::real32 : h5::Type::real64, summary.shape,
                     attributes_of(source, facts, options), existing(options));
  write_row_names(facts, options, kept, writer, summary);
  KeptRows rows(*reader, source, options);
  if (single)
    rows.for_each_block<float>([&](std::span<const float> block) { writer.append(block); });
  else
    rows.for_each_block<double>([&](std::span<const double> block) { writer.append(block); });
  writer.commit();
  return summary;
}

ImportSummary import_codes(const std::string& source, const OpenMatrix& open, const ImportOptions& options,
                           const CodeOptions& codes, const std::string& out) {
  check(options, out);
  if (options.dtype != "auto") throw BadRequest("dtype must not be given with signs: a code is bits");
  const std::unique_ptr<ByteStream> bytes = open_bytes(source);
  std::unique_ptr<MatrixReader> reader = open(*bytes);
  const RowCoder coder = coder_for(reader->facts().shape, source, codes);
  std::vector<double> mean;
  if (codes.centre) {
    mean = mean_of(*reader, source, options);
    bytes->rewind();
    reader = open(*bytes);
  }
  const MatrixFacts& facts = reader->facts();
  const Index kept = rows_kept(rows_of(facts.shape), options);
  ImportSummary summary{facts.summary, {kept, (coder.n_bits + 7) / 8}, ""};

  Values attributes = attributes_of(source, facts, options);
  attributes.insert(attributes.end(), {{"n_bits", coder.n_bits, "", ""},
                                       {"bit_order", std::string("little"), "", ""},
                                       {"centred", codes.centre, "", ""}});
  attributes.insert(attributes.end(), coder.settings.begin(), coder.settings.end());
  attributes.push_back({"code", coder.how_made, "", ""});
  InputWriter writer(out, options.names, h5::Type::flag, summary.shape, attributes, existing(options));
  write_row_names(facts, options, kept, writer, summary);
  const auto columns = static_cast<std::size_t>(facts.shape.back());
  std::vector<double> centred;
  std::vector<std::uint8_t> packed;
  KeptRows(*reader, source, options).for_each_block<double>([&](std::span<const double> block) {
    centred.assign(block.begin(), block.end());
    subtract(mean, source, centred);
    packed.resize(centred.size() / columns * static_cast<std::size_t>(summary.shape.back()));
    coder.encode(centred, packed);
    writer.append(std::span<const std::uint8_t>(packed));
  });
  writer.commit();
  return summary;
}

}  // namespace breakeven
