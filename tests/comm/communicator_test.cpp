#include "comm/communicator.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include "base/layout.hpp"
#include "comm/agree.hpp"
#include "support/on_ranks.hpp"

namespace breakeven {
namespace {

using testing_support::OnRanks;

// Row counts: fewer rows than ranks (empty blocks), P - 1, P and P + 1 for the largest P, many.
constexpr Index sizes[] = {0, 1, 6, 7, 8, 100};

using Ranks = OnRanks;

std::vector<double> block_of(Index n, int ranks, int rank) {
  const Range rows = block(n, ranks, rank);
  std::vector<double> values(static_cast<std::size_t>(rows.size()));
  std::iota(values.begin(), values.end(), static_cast<double>(rows.begin));
  return values;
}

void expect_ring_brings_every_block(const Communicator& comm, Index n, bool overlapped) {
  std::vector<double> held = block_of(n, comm.size(), comm.rank());
  for (int step = 1; step <= comm.size(); ++step) {
    const int origin = (comm.rank() + step) % comm.size();
    std::vector<double> arriving(static_cast<std::size_t>(block(n, comm.size(), origin).size()));
    if (overlapped) {
      PendingShift shift = comm.start_ring_shift<double>(held, arriving);
      shift.progress();
      shift.wait();
    } else {
      comm.ring_shift<double>(held, arriving);
    }
    EXPECT_EQ(arriving, block_of(n, comm.size(), origin)) << "n = " << n << ", step " << step;
    held = arriving;
  }
}

TEST_P(Ranks, RingShiftBringsEveryBlockAndItsOwnHomeAgain) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes) {
      expect_ring_brings_every_block(comm, n, false);
      expect_ring_brings_every_block(comm, n, true);
      expect_ring_brings_every_block(comm.with_chunk(3), n, true);  // blocks longer than a message
    }
  });
}

TEST_P(Ranks, AllReduceSumsAndFindsExtremesInAnyChunking) {
  on_ranks([](const Communicator& comm) {
    const double ranks = comm.size();
    for (const Index chunk : {Index{1'000'000}, Index{2}}) {
      const Communicator chunked = comm.with_chunk(chunk);
      std::vector<double> values(5, comm.rank() + 1.0);
      chunked.all_reduce<double>(values);
      EXPECT_THAT(values, testing::Each(ranks * (ranks + 1) / 2));
    }
    std::vector<double> long_one(300'001);  // more than two pieces of 2 MiB
    std::iota(long_one.begin(), long_one.end(), static_cast<double>(comm.rank()));
    const Index calls = comm.traffic()[Operation::all_reduce].calls;
    comm.all_reduce<double>(long_one);
    EXPECT_EQ(comm.traffic()[Operation::all_reduce].calls, calls + 1) << "pieces are one message";
    for (std::size_t k = 0; k < long_one.size(); ++k)
      if (long_one[k] != ranks * static_cast<double>(k) + ranks * (ranks - 1) / 2) {
        ADD_FAILURE() << "entry " << k << " is " << long_one[k];
        break;
      }
    EXPECT_EQ(comm.all_reduce<Index>(comm.rank(), Reduction::maximum), comm.size() - 1);
    EXPECT_EQ(comm.all_reduce<Index>(comm.rank() + 4, Reduction::minimum), 4);
  });
}

TEST_P(Ranks, ExclusiveScanGivesZerosToRankZeroAndTheSumBeforeToOthers) {
  on_ranks([](const Communicator& comm) {
    std::vector<float> values(5, static_cast<float>(comm.rank() + 1));
    comm.with_chunk(2).exclusive_scan<float>(values);
    const auto r = static_cast<float>(comm.rank());
    EXPECT_THAT(values, testing::Each(r * (r + 1) / 2));
  });
}

TEST_P(Ranks, AllGatherConcatenatesUnevenAndEmptyBlocks) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : sizes) {
      std::vector<Index> lengths;
      for (int r = 0; r < comm.size(); ++r) lengths.push_back(block(n, comm.size(), r).size());
      const std::vector<double> mine = block_of(n, comm.size(), comm.rank());
      for (const Index chunk : {Index{1'000'000}, Index{3}}) {  // one call, or rank after rank in chunks
        std::vector<double> all(static_cast<std::size_t>(n), -1);
        comm.with_chunk(chunk).all_gather<double>(mine, lengths, all);
        EXPECT_EQ(all, block_of(n, 1, 0)) << "n = " << n << ", chunk " << chunk;
      }
    }
  });
}

TEST_P(Ranks, BroadcastHandsOutTheRootsValues) {
  on_ranks([](const Communicator& comm) {
    std::vector<std::int32_t> values(7, comm.rank());
    comm.with_chunk(3).broadcast<std::int32_t>(values, comm.size() - 1);
    EXPECT_THAT(values, testing::Each(comm.size() - 1));
    EXPECT_EQ(comm.broadcast_text(comm.is_root() ? "grüße" : ""), "grüße");
  });
}

TEST_P(Ranks, CombineFoldsInRankOrderAndAllRanksHoldTheResult) {
  on_ranks([](const Communicator& comm) {
    // Intervals [first, last] of ranks: folding is only allowed where one begins behind the other's end.
    const auto join = [](std::span<Index> lower, std::span<const Index> higher) {
      for (std::size_t i = 0; i < lower.size(); i += 2) {
        EXPECT_EQ(lower[i + 1] + 1, higher[i]) << "neighbours, lower ranks first";
        lower[i + 1] = higher[i + 1];
      }
    };
    for (const Index chunk : {Index{1'000'000}, Index{3}}) {
      const Communicator chunked = comm.with_chunk(chunk);
      std::vector<Index> values(8, comm.rank());
      chunked.combine<Index>(values, join);
      for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], i % 2 == 0 ? 0 : comm.size() - 1);
      EXPECT_EQ(chunked.traffic()[Operation::combine].calls, 1);
      EXPECT_EQ(chunked.traffic()[Operation::combine].bytes, 8 * 8);
    }
  });
}

TEST_P(Ranks, PartsOfASplitTalkAmongThemselvesAndAreCountedTogether) {
  on_ranks([](const Communicator& comm) {
    const int columns = 3;  // a grid of three columns, its last row short
    const Communicator row = comm.split(comm.rank() / columns), column = comm.split(comm.rank() % columns);
    EXPECT_EQ(row.rank(), comm.rank() % columns) << "in the order of the ranks they had";
    EXPECT_EQ(column.rank(), comm.rank() / columns);

    const Traffic before = comm.traffic();
    EXPECT_EQ(column.all_reduce<Index>(1), column.size());
    std::vector<Index> all(static_cast<std::size_t>(row.size())), ones(all.size(), 1), expected;
    const Index mine = comm.rank();
    row.all_gather<Index>({&mine, 1}, ones, all);
    for (int r = 0; r < row.size(); ++r) expected.push_back(comm.rank() / columns * columns + r);
    EXPECT_EQ(all, expected);
    comm.all_reduce<Index>(1);
    const Traffic traffic = comm.traffic() - before;
    EXPECT_EQ(traffic[Operation::all_reduce].calls, 2);
    EXPECT_EQ(traffic[Operation::all_gather].calls, 1);
    EXPECT_EQ(traffic.bytes(), 3 * 8);
    EXPECT_EQ(row.traffic().calls(), comm.traffic().calls());
  });
}

TEST_P(Ranks, WordsOfBitsTravelUnchanged) {
  on_ranks([](const Communicator& comm) {
    const std::uint64_t mine = ~std::uint64_t{0} << comm.rank();
    std::vector<Index> ones(static_cast<std::size_t>(comm.size()), 1);
    std::vector<std::uint64_t> all(ones.size());
    comm.all_gather<std::uint64_t>({&mine, 1}, ones, all);
    for (int r = 0; r < comm.size(); ++r) EXPECT_EQ(all[static_cast<std::size_t>(r)], ~std::uint64_t{0} << r);
    std::vector<std::uint64_t> parts(static_cast<std::size_t>(comm.size()), 0);  // each rank fills in its own
    parts[static_cast<std::size_t>(comm.rank())] = mine;
    comm.all_reduce<std::uint64_t>(parts);
    EXPECT_EQ(parts, all);
  });
}

TEST_P(Ranks, CountsOneMessagePerCallAndThePayloadHandedOver) {
  on_ranks([](const Communicator& comm) {
    const Traffic before = comm.traffic();
    std::vector<double> values(6, 1.0), arriving(6);
    comm.all_reduce<double>(values);
    comm.all_reduce<double>(values, Reduction::maximum);
    comm.ring_shift<double>(values, arriving);
    comm.barrier();  // bookkeeping is not counted
    const Traffic traffic = comm.traffic() - before;
    EXPECT_EQ(traffic[Operation::all_reduce].calls, 2);
    EXPECT_EQ(traffic[Operation::all_reduce].bytes, 2 * 6 * 8);
    EXPECT_EQ(traffic[Operation::ring_shift].calls, 1);
    EXPECT_EQ(traffic[Operation::ring_shift].bytes, 6 * 8);
    EXPECT_EQ(traffic.calls(), 3);
  });
}

TEST_P(Ranks, AgreeThrowsTheLowestFailingRanksErrorEverywhere) {
  on_ranks([](const Communicator& comm) {
    const int last = comm.size() - 1;
    std::string message;
    ExitCode code = ExitCode::ok;
    try {
      agree(comm, "reading", [&] {
        if (comm.rank() == last) throw BadRequest("file is short");
      });
    } catch (const CollectiveError& error) {
      message = error.what();
      code = error.exit_code();
    }
    EXPECT_EQ(code, ExitCode::usage);
    EXPECT_THAT(message, testing::HasSubstr("file is short"));
    const std::string where = comm.size() > 1 ? "[rank " + std::to_string(last) + "/" : "";  // not if all failed
    EXPECT_THAT(message, testing::HasSubstr(where));
    EXPECT_EQ(comm.all_reduce<Index>(1), comm.size()) << "the ranks are still in step";
  });
}

TEST_P(Ranks, WhatRankZeroFailsAtAloneAllThrowInItsWords) {
  on_ranks([](const Communicator& comm) {
    bool ran = false;
    std::string message;
    try {
      agree_with_root(comm, [&] {
        ran = true;
        throw BadRequest("file is short");
      });
    } catch (const CollectiveError& error) {
      message = error.what();
      EXPECT_EQ(error.exit_code(), ExitCode::usage);
    }
    EXPECT_EQ(message, "file is short");
    EXPECT_EQ(ran, comm.is_root());
    EXPECT_NO_THROW(agree_with_root(comm, [] {}));
    EXPECT_EQ(comm.all_reduce<Index>(1), comm.size()) << "the ranks are still in step";
  });
}

TEST_P(Ranks, AgreeLetsAFaultlessBodyPass) {
  on_ranks([](const Communicator& comm) {
    bool ran = false;
    agree(comm, "planning", [&] { ran = true; });
    EXPECT_TRUE(ran);
  });
}

TEST_P(Ranks, CommunicationInsideAgreeIsRefusedNotMispaired) {
  on_ranks([](const Communicator& comm) {
    EXPECT_THROW(agree(comm, "planning", [&] { comm.all_reduce<double>(1.0); }), CollectiveError);
    EXPECT_EQ(comm.all_reduce<Index>(1), comm.size()) << "the refusal ends with the phase";
  });
}

INSTANTIATE_TEST_SUITE_P(Contract, Ranks, testing_support::contract_ranks(), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
