#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>

#include "analysis/break_even.hpp"
#include "analysis/page/report_page.hpp"
#include "analysis/ratio_table.hpp"
#include "front_end.hpp"
#include "harness/command_line.hpp"
#include "harness/rows.hpp"
#include "import_command.hpp"
#include "probe.hpp"
#include "registry.hpp"
#include "results/durable_file.hpp"
#include "results/gallery.hpp"
#include "results/merge.hpp"
#include "results/study_file.hpp"

// The front end: everything that is not a launch of MPI. Never calls MPI_Init, so it works on a login node.
namespace breakeven {
namespace {

void add_list(CLI::App& app) {
  CLI::App* command = app.add_subcommand("list", "problems and methods, with role, source and options");
  command->callback([] { std::cout << list_methods(registry(), ""); });
}

void add_run(CLI::App& app, ExitCode& exit_code) {
  CLI::App* command =
      app.add_subcommand("run", "run a study on this machine or inside a job, merge it, print its break-evens");
  const auto options = std::make_shared<RunOptions>();
  command->add_option("study", options->study, "STUDY.toml")->required();
  command->add_option("--launcher", options->launcher, "how to start {ranks} ranks [" + options->launcher + "]")
      ->type_name("TEXT")
      ->envname("BREAKEVEN_LAUNCHER");
  command->add_option("--out", options->out, "folder of the results [results/<name of the study>]")->type_name("DIR");
  command->add_option("--ranks", options->ranks, "what \"all\" ranks means [all cores of this machine]")
      ->type_name("N");
  command->add_flag("!--no-calibration", options->calibrate, "do not measure the ceilings of the machine first");
  command->footer(
      "Examples:\n  breakeven run data/studies/quickstart.toml\n"
      "  breakeven run data/studies/strong_scaling.toml --ranks $SLURM_NTASKS --launcher \"srun "
      "--mpi=pmix --kill-on-bad-exit=1 -n {ranks}\" --out $SCRATCH/scaling\n"
      "Run again, it goes on where it stopped: finished shards are not measured twice.\n"
      "A host that falls silent ends a launch of Open MPI after 5 s, since OMPI_MCA_oob_tcp_keepalive_time, _intvl "
      "and\n"
      "_probes are 2, 1 and 3; set them to be more patient.\n");
  command->callback([options, &exit_code] { exit_code = run_study(*options); });
}

void add_merge(CLI::App& app) {
  CLI::App* command = app.add_subcommand("merge", "collect the shards of a folder into one study file");
  struct Options {
    std::string folder, out;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("folder", options->folder, "DIR with shards/")->required();
  command->add_option("--out", options->out, "study file [DIR/study.h5]")->type_name("FILE.h5");
  command->footer("Example:\n  breakeven merge results/quickstart\n");
  command->callback([options] {
    const std::string out = options->out.empty() ? options->folder + "/study.h5" : options->out;
    merge_folder(options->folder, out);
  });
}

/// The pairs that the page is to show; none unless both options are given.
std::optional<Gallery> gallery_of(const std::string& pairs, const std::string& items, const std::string& out) {
  constexpr Index shown = 12;
  if (pairs.empty() && items.empty()) return {};
  if (pairs.empty() || items.empty()) throw BadRequest("pairs and items belong together: give both or none");
  if (out.empty()) throw BadRequest("pairs are shown on the page: give --out FILE.html too");
  // A colon separates the dataset, unless it belongs to the name of a file that is there.
  const std::size_t colon = std::filesystem::exists(items) ? std::string::npos : items.rfind(':');
  const std::string file = items.substr(0, colon), dataset = colon == std::string::npos ? "" : items.substr(colon + 1);
  probe_input(pairs);
  probe_input(file);
  return read_gallery(pairs, file, dataset, shown);
}

void add_report(CLI::App& app) {
  CLI::App* command = app.add_subcommand("report", "break-even table, and one HTML page with all figures");
  struct Options {
    std::string study, out, against, pairs, items;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("study", options->study, "study file or shard")->required();
  command->add_option("--out", options->out, "page to write; without it only the table is printed")
      ->type_name("FILE.html");
  command
      ->add_option(
          "--against", options->against,
          "print the ratio of every method's time to that of this one (of several settings: the first in the file)")
      ->type_name("METHOD");
  command
      ->add_option("--pairs", options->pairs,
                   "solution of inner_product --self whose pairs the page shows, with the --items they are")
      ->type_name("SOLUTION.h5");
  command
      ->add_option("--items", options->items,
                   "words or pictures of the rows: a dataset of texts, or of square pictures [texts if any, else a]")
      ->type_name("FILE.h5[:NAME]");
  command->footer(
      "Examples:\n  breakeven report results/quickstart/study.h5 --out report.html\n"
      "  breakeven report results/quickstart/study.h5 --against ring\n"
      "  breakeven report study.h5 --out pairs.html --pairs solutions/HASH.h5 --items "
      "inputs/fashion_labels.h5:a\n");
  command->callback([options] {
    const std::optional<Gallery> gallery = gallery_of(options->pairs, options->items, options->out);
    probe_results(options->study);
    const Study study = read_study(options->study);
    if (options->against.empty())
      std::cout << break_even_table(study, break_evens(study));
    else
      std::cout << ratio_table(study, options->against);
    if (options->out.empty()) return;
    const auto folder = std::filesystem::path(options->out).parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder))
      throw Failure(options->out + ": there is no folder " + folder.string());
    const std::string page = report_page(study, gallery);
    write_durably(options->out, std::as_bytes(std::span(page)));
    fmt::print("\nfigures: {}\n", options->out);
  });
}

int main_of_front_end(int argc, char** argv) {
  CLI::App app("breakeven: from which size, at which accuracy and on how many nodes does the fast algorithm win?",
               "breakeven");
  app.require_subcommand(1);
  app.footer(
      "Measuring is done by the MPI programs beside this one (attention --help). Exit codes: 0 ok, 1 failure at run\n"
      "time, 2 bad request, 3 a result failed its check, 75 stopped early and can be run again.\n");
  ExitCode exit_code = ExitCode::ok;
  add_list(app);
  add_import(app);
  add_run(app, exit_code);
  add_merge(app);
  add_report(app);
  try {
    app.parse(argc, argv);
    std::cout.flush();
    flush_standard_output();
    return static_cast<int>(exit_code);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    fmt::print(stderr, "breakeven: {}; --help shows the options\n", error.what());
    return static_cast<int>(ExitCode::usage);
  } catch (const Error& error) {
    fmt::print(stderr, "breakeven: {}\n", error.what());
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "breakeven: {}\n", error.what());
    return static_cast<int>(ExitCode::failure);
  }
}

}  // namespace
}  // namespace breakeven

int main(int argc, char** argv) {
  // What the programs ask about a file before they open it themselves; no command of the user's.
  if (argc == 4 && std::string_view(argv[1]) == "probe") return breakeven::run_probe(argv[2], argv[3]);
  return breakeven::main_of_front_end(argc, argv);
}
