#include "results/solution.hpp"

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <limits>

#include "base/error.hpp"
#include "base/layout.hpp"
#include "comm/agree.hpp"
#include "results/h5.hpp"
#include "results/input_file.hpp"
#include "support/on_ranks.hpp"

namespace breakeven {
namespace {

using ::testing::HasSubstr;

constexpr Index n = 10, columns = 3, batch = 2, heads = 2;

double expected(Index slice, Index i, Index j) {
  return static_cast<double>((slice * n + i) * columns + j);
}

/// This rank's rows of an array whose entries count through the global order.
template <class T>
std::vector<T> local_values(const std::vector<Range>& ranges, Index slices) {
  std::vector<T> values;
  for (Index slice = 0; slice < slices; ++slice)
    for (const Range range : ranges)
      for (Index i = range.begin; i < range.end; ++i)
        for (Index j = 0; j < columns; ++j) values.push_back(static_cast<T>(expected(slice, i, j)));
  return values;
}

class Solution : public testing_support::OnRanks {
 protected:
  /// One folder for all ranks, made by none of them: writing makes it.
  static std::string path(const Communicator& comm) {
    const std::string folder = "breakeven-solution-" + comm.broadcast_text(std::to_string(::getpid()));
    return (std::filesystem::temp_directory_path() / folder / "solutions" / "case.h5").string();
  }
  static void clean(const Communicator& comm) {
    comm.barrier();
    if (comm.is_root()) std::filesystem::remove_all(std::filesystem::path(path_text).parent_path().parent_path());
  }
  static void write(const Communicator& comm, const Layout& layout) {
    path_text = path(comm);
    const std::vector<Range>& ranges = layout.ranges(comm.rank());
    const std::vector<float> single = local_values<float>(ranges, batch * heads);
    const std::vector<double> twice = local_values<double>(ranges, 1);
    const std::vector<Column> facts{{"method", std::string("ring"), "", "", "identity"},
                                    {"n", n, "1", "", "factor"},
                                    {"skill", std::numeric_limits<double>::quiet_NaN(), "1", "", "quality"}};
    write_solution(comm, path_text, facts,
                   {{"output", {batch, heads, n, columns}, ranges, std::span<const float>(single)},
                    {"logsumexp", {n, columns}, ranges, std::span<const double>(twice)}});
  }
  static void expect_global_order() {
    const Hdf5InputFile file(path_text);
    EXPECT_EQ(file.shape("output"), (Shape{batch, heads, n, columns}));
    std::vector<double> rows(static_cast<std::size_t>(n * columns));
    for (Index slice = 0; slice < batch * heads; ++slice) {
      file.read("output", slice, {0, n}, std::span<double>(rows));
      for (Index i = 0; i < n * columns; ++i)
        EXPECT_EQ(rows[static_cast<std::size_t>(i)], expected(slice, 0, i)) << slice << " " << i;
    }
    file.read("logsumexp", 0, {0, n}, std::span<double>(rows));
    for (Index i = 0; i < n * columns; ++i) EXPECT_EQ(rows[static_cast<std::size_t>(i)], expected(0, 0, i));
  }
  static inline std::string path_text;
};

TEST_P(Solution, IsInGlobalOrderFromContiguousRows) {
  on_ranks([](const Communicator& comm) {
    write(comm, Layout::contiguous(n, comm.size()));
    expect_global_order();
    clean(comm);
  });
}

TEST_P(Solution, IsInGlobalOrderFromZigzagRows) {
  on_ranks([](const Communicator& comm) {
    write(comm, Layout::zigzag(n, comm.size()));
    expect_global_order();
    clean(comm);
  });
}

TEST_P(Solution, HoldsIntegersAndMayBeEmpty) {
  on_ranks([](const Communicator& comm) {
    path_text = path(comm);
    for (const Index rows : {Index{0}, n}) {
      const std::vector<Range> ranges{block(rows, comm.size(), comm.rank())};
      const std::vector<Index> values = local_values<Index>(ranges, 1);
      write_solution(comm, path_text, {}, {{"pairs", {rows, columns}, ranges, std::span<const Index>(values)}});
      {
        const h5::File file = h5::File::open(path_text);
        EXPECT_EQ(file.dataset("pairs").shape(), (Shape{rows, columns}));
        EXPECT_EQ(file.dataset("pairs").type(), h5::Type::integer);
        const std::vector<Index> all = file.dataset("pairs").read<Index>();
        EXPECT_EQ(all, local_values<Index>({{0, rows}}, 1));
      }
      comm.barrier();  // before somebody writes the next one
    }
    clean(comm);
  });
}

TEST_P(Solution, CarriesItsCaseAndLeavesNoTemporaryFile) {
  on_ranks([](const Communicator& comm) {
    write(comm, Layout::contiguous(n, comm.size()));
    {
      const h5::File file = h5::File::open(path_text);
      EXPECT_EQ(file.text_attribute("method"), "ring");
      EXPECT_EQ(file.attribute("n"), Value(n));
      EXPECT_FALSE(file.has_attribute("skill"));
    }
    const auto folder = std::filesystem::directory_iterator(std::filesystem::path(path_text).parent_path());
    EXPECT_EQ(std::distance(begin(folder), end(folder)), 1);
    clean(comm);
  });
}

TEST_P(Solution, FailsAlikeOnAllRanksIfOneRankHoldsTooFewRows) {
  on_ranks([](const Communicator& comm) {
    path_text = path(comm);
    const std::vector<Range> ranges = Layout::contiguous(n, comm.size()).ranges(comm.rank());
    std::vector<float> values = local_values<float>(ranges, 1);
    if (comm.rank() == comm.size() - 1) values.pop_back();
    std::string message;
    try {
      write_solution(comm, path_text, {}, {{"output", {n, columns}, ranges, std::span<const float>(values)}});
    } catch (const CollectiveError& error) {
      message = error.what();
    }
    EXPECT_THAT(message, HasSubstr("output: "));
    for (const std::string& other : comm.gather_texts(message)) EXPECT_EQ(other, message);
    EXPECT_FALSE(std::filesystem::exists(path_text));
    clean(comm);
  });
}

TEST_P(Solution, FailsAlikeOnAllRanksIfItsFolderCannotBeMade) {
  on_ranks([](const Communicator& comm) {
    std::string message;
    try {
      write_solution(comm, "/proc/none/case.h5", {}, {});
    } catch (const CollectiveError& error) {
      message = error.what();
    }
    EXPECT_THAT(message, HasSubstr("/proc/none"));
  });
}

TEST_P(Solution, FailsAlikeOnAllRanksIfTheDiskIsFull) {
  on_ranks([](const Communicator& comm) {
    path_text = path(comm);
    const Index many = 100000;  // 1.2 MB, above what the limit below lets a file grow to
    const std::vector<Range> ranges = Layout::contiguous(many, comm.size()).ranges(comm.rank());
    const std::vector<float> values(static_cast<std::size_t>(ranges[0].size() * columns));
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit tight{100000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    std::string message;
    try {
      write_solution(comm, path_text, {}, {{"output", {many, columns}, ranges, std::span<const float>(values)}});
    } catch (const CollectiveError& error) {
      message = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_THAT(message, HasSubstr("case.h5: has no room for "));
    for (const std::string& other : comm.gather_texts(message)) EXPECT_EQ(other, message);
    EXPECT_FALSE(std::filesystem::exists(path_text));
    clean(comm);
  });
}

TEST_P(Solution, FailsAlikeOnAllRanksIfOneRankAloneCannotWrite) {
  on_ranks([](const Communicator& comm) {
    path_text = path(comm);
    const Index many = 100000;  // 1.2 MB: the rows of the last rank end beyond what the limit lets it write
    const std::vector<Range> ranges = Layout::contiguous(many, comm.size()).ranges(comm.rank());
    const std::vector<float> values(static_cast<std::size_t>(ranges[0].size() * columns));
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit tight{100000, before.rlim_max};
    if (comm.rank() == comm.size() - 1) setrlimit(RLIMIT_FSIZE, &tight);
    std::string message;
    try {
      write_solution(comm, path_text, {}, {{"output", {many, columns}, ranges, std::span<const float>(values)}});
    } catch (const CollectiveError& error) {
      message = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_THAT(message, HasSubstr("case.h5: "));
    EXPECT_THAT(message, HasSubstr("File too large"));
    for (const std::string& other : comm.gather_texts(message)) EXPECT_EQ(other, message);
    if (comm.is_root()) {
      EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(path_text).parent_path())) << "a file is left";
    }
    clean(comm);
  });
}

INSTANTIATE_TEST_SUITE_P(, Solution, testing_support::contract_ranks(), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
