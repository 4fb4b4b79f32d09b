#include "methods/inner_product/heavy_pairs/pair_blocks.hpp"

#include <algorithm>

namespace breakeven::inner_product {
namespace {

constexpr Index rows_between_progress = 4096;  // of A, while a block of B travels

/// Ranks of a grid: rank = row * columns + column.
struct Grid {
  int rows = 1, columns = 1;
  int row(int rank) const { return rank / columns; }
  int column(int rank) const { return rank % columns; }
};

/// The factors of P that make the gathered rows fewest.
Grid grid_of(const HeavyPairsSpec& spec, int ranks) {
  Grid best{1, ranks};
  const auto gathered = [&](const Grid& grid) {
    return static_cast<double>(spec.n) * grid.columns + static_cast<double>(spec.n_b) * grid.rows;
  };
  for (int rows = 2; rows <= ranks; ++rows) {
    const Grid candidate{rows, ranks / rows};
    if (ranks % rows == 0 && gathered(candidate) < gathered(best)) best = candidate;
  }
  return best;
}

/// Whether block p of A and block q of B are compared where they meet.
bool meets(const HeavyPairsSpec& spec, int ranks, int p, int q) {
  if (!spec.self) return true;
  const int behind = (q - p + ranks) % ranks;
  return 2 * behind < ranks || (2 * behind == ranks && p < q);
}

Range rows_a(const HeavyPairsSpec& spec, int ranks, int p) {
  return block(spec.n, ranks, p);
}

Range rows_b(const HeavyPairsSpec& spec, int ranks, int q) {
  return block(spec.n_b, ranks, q);
}

/// Calls visit(p, q) for the blocks that `rank` compares, block of B after block of B.
template <class VisitBlocks>
void for_blocks(const HeavyPairsSpec& spec, const std::string& partition, int ranks, int rank,
                const VisitBlocks& visit) {
  if (partition == "ring") {
    for (int step = 0; step < ranks; ++step)
      if (const int q = (rank + step) % ranks; meets(spec, ranks, rank, q)) visit(rank, q);
    return;
  }
  const Grid grid = grid_of(spec, ranks);
  for (int q = grid.column(rank); q < ranks; q += grid.columns)
    for (int p = grid.row(rank) * grid.columns; p < (grid.row(rank) + 1) * grid.columns; ++p)
      if (meets(spec, ranks, p, q)) visit(p, q);
}

/// Steps of the ring in which blocks are compared; one less travel.
int ring_steps(const HeavyPairsSpec& spec, int ranks) {
  return spec.self ? ranks / 2 + 1 : ranks;
}

Index words_of(Range rows, const HeavyPairsSpec& spec) {
  return rows.size() * spec.words();
}

std::span<const Word> own_b(const HeavyPairsProblem<Word>& problem) {
  return problem.spec.self ? problem.a.span() : problem.b.span();
}

}  // namespace

PairBlocks::PairBlocks(const Communicator& comm, const HeavyPairsSpec& spec, const std::string& partition)
    : spec_(spec), comm_(comm) {
  const int ranks = comm.size(), rank = comm.rank();
  if (partition == "ring") {
    b_ = Array<Word>(2, Layout::contiguous(spec.n_b, ranks).max_rows(), spec.words());
    return;
  }
  const Grid grid = grid_of(spec, ranks);
  row_ = comm.split(grid.row(rank));
  column_ = comm.split(grid.column(rank));
  Index gathered_a = 0, gathered_b = 0;
  for (int p = grid.row(rank) * grid.columns; p < (grid.row(rank) + 1) * grid.columns; ++p)
    gathered_a += rows_a(spec, ranks, p).size();
  for (int q = grid.column(rank); q < ranks; q += grid.columns) gathered_b += rows_b(spec, ranks, q).size();
  a_ = Array<Word>(1, gathered_a, spec.words());
  b_ = Array<Word>(1, gathered_b, spec.words());
}

void PairBlocks::for_each(const HeavyPairsProblem<Word>& problem, const Visit& visit) {
  if (row_)
    for_each_in_grid(problem, visit);
  else
    for_each_in_ring(problem, visit);
}

void PairBlocks::for_each_in_grid(const HeavyPairsProblem<Word>& problem, const Visit& visit) {
  const int ranks = comm_.size();
  const Grid grid = grid_of(spec_, ranks);
  const int first_p = grid.row(comm_.rank()) * grid.columns;
  std::vector<Index> lengths_a, lengths_b;
  for (int p = first_p; p < first_p + grid.columns; ++p) lengths_a.push_back(words_of(rows_a(spec_, ranks, p), spec_));
  for (int q = grid.column(comm_.rank()); q < ranks; q += grid.columns)
    lengths_b.push_back(words_of(rows_b(spec_, ranks, q), spec_));
  row_->all_gather<Word>(problem.a.span(), lengths_a, a_.span());
  column_->all_gather<Word>(own_b(problem), lengths_b, b_.span());

  const BitView all_a{a_.data(), a_.rows(), spec_.d}, all_b{b_.data(), b_.rows(), spec_.d};
  const Index first_row = rows_a(spec_, ranks, first_p).begin;
  Index before_b = 0;
  for (int q = grid.column(comm_.rank()); q < ranks; q += grid.columns) {
    const Range b = rows_b(spec_, ranks, q);
    const BitView view_b = all_b.rows(before_b, b.size());
    before_b += b.size();
    Range run{first_row, first_row};  // neighbouring blocks of A that meet block q, taken together
    const auto flush = [&] {
      if (!run.empty() && !b.empty())
        visit({all_a.rows(run.begin - first_row, run.size()), view_b, run.begin, b.begin, false});
    };
    for (int p = first_p; p < first_p + grid.columns; ++p) {
      const Range a = rows_a(spec_, ranks, p);
      if (meets(spec_, ranks, p, q) && !(spec_.self && p == q)) {
        run.end = a.end;
        continue;
      }
      flush();
      run = {a.end, a.end};
      if (spec_.self && p == q && !a.empty())
        visit({all_a.rows(a.begin - first_row, a.size()), view_b, a.begin, b.begin, true});
    }
    flush();
  }
}

void PairBlocks::for_each_in_ring(const HeavyPairsProblem<Word>& problem, const Visit& visit) {
  const int ranks = comm_.size(), rank = comm_.rank(), steps = ring_steps(spec_, ranks);
  const Range a = rows_a(spec_, ranks, rank);
  std::span<const Word> held = own_b(problem);
  for (int step = 0; step < steps; ++step) {
    const int q = (rank + step) % ranks;
    const Range b = rows_b(spec_, ranks, q);
    const auto arriving = std::span<Word>(
        b_.slice(step % 2), static_cast<std::size_t>(words_of(rows_b(spec_, ranks, (q + 1) % ranks), spec_)));
    PendingShift shift;
    if (step + 1 < steps) shift = comm_.start_ring_shift<Word>(held, arriving);
    const BitView view_b{held.data(), b.size(), spec_.d};
    const bool triangle = spec_.self && q == rank;
    const bool compares = meets(spec_, ranks, rank, q) && !a.empty() && !b.empty();
    if (compares && triangle) visit({problem.a_view(), view_b, a.begin, b.begin, true});
    for (Index begin = 0; compares && !triangle && begin < a.size(); begin += rows_between_progress) {
      const Index count = std::min(rows_between_progress, a.size() - begin);
      visit({problem.a_view().rows(begin, count), view_b, a.begin + begin, b.begin, false});
      shift.progress();
    }
    shift.wait();
    if (step + 1 < steps) held = arriving;
  }
}

std::pair<Index, Index> PairBlocks::most_rows() const {
  const Index b = Layout::contiguous(spec_.n_b, comm_.size()).max_rows();
  if (row_) return {a_.rows(), b};
  const Index a = rows_a(spec_, comm_.size(), comm_.rank()).size();
  return {spec_.self ? a : std::min(a, rows_between_progress), b};
}

void PairBlocks::communicate(Schedule& schedule, const HeavyPairsSpec& spec, const std::string& partition, int ranks,
                             int rank) {
  const auto bytes = [&](Range rows) { return words_of(rows, spec) * static_cast<Index>(sizeof(Word)); };
  if (partition == "ring") {
    for (int step = 0; step + 1 < ring_steps(spec, ranks); ++step)
      schedule.communicate(Operation::ring_shift, bytes(rows_b(spec, ranks, (rank + step) % ranks)));
  } else {
    schedule.communicate(Operation::all_gather, bytes(rows_a(spec, ranks, rank)));
    schedule.communicate(Operation::all_gather, bytes(rows_b(spec, ranks, rank)));
  }
}

double PairBlocks::pairs(const HeavyPairsSpec& spec, const std::string& partition, int ranks, int rank) {
  double pairs = 0;
  for_blocks(spec, partition, ranks, rank, [&](int p, int q) {
    const auto a = static_cast<double>(rows_a(spec, ranks, p).size());
    const auto b = static_cast<double>(rows_b(spec, ranks, q).size());
    pairs += spec.self && p == q ? a * (a - 1) / 2 : a * b;
  });
  return pairs;
}

Index PairBlocks::bytes(const HeavyPairsSpec& spec, const std::string& partition, int ranks, int rank) {
  const auto word = static_cast<Index>(sizeof(Word));
  if (partition == "ring") return 2 * Layout::contiguous(spec.n_b, ranks).max_rows() * spec.words() * word;
  const Grid grid = grid_of(spec, ranks);
  Index words = 0;
  for (int p = grid.row(rank) * grid.columns; p < (grid.row(rank) + 1) * grid.columns; ++p)
    words += words_of(rows_a(spec, ranks, p), spec);
  for (int q = grid.column(rank); q < ranks; q += grid.columns) words += words_of(rows_b(spec, ranks, q), spec);
  return words * word;
}

}  // namespace breakeven::inner_product
