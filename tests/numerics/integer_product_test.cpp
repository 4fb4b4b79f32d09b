#include "numerics/integer_product.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/philox.hpp"

namespace breakeven {
namespace {

std::vector<std::int32_t> whole_numbers(Index rows, Index columns, Index largest, std::uint32_t stream) {
  const Philox random(1, Stream{stream});
  std::vector<std::int32_t> numbers;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j)
      numbers.push_back(static_cast<std::int32_t>(random.below(2 * largest + 1, i, j) - largest));
  return numbers;
}

/// The product, panel by panel of at most `longest`.
std::vector<std::int32_t> multiplied(const ProductShape& shape, const std::vector<std::int32_t>& u,
                                     const std::vector<std::int32_t>& v, Index largest, Index levels, Index longest) {
  IntegerProduct product(shape.rows + 1, shape.columns + 2, largest, levels);  // room for more
  product.start(shape.rows, shape.columns);
  const Index step = std::min(longest, product.depth());
  for (Index begin = 0; begin < shape.depth; begin += step) {
    const Index depth = std::min(step, shape.depth - begin);
    for (Index k = 0; k < depth; ++k) {
      for (Index i = 0; i < shape.rows; ++i)
        product.u()[i * depth + k] = static_cast<float>(u[static_cast<std::size_t>(i * shape.depth + begin + k)]);
      for (Index j = 0; j < shape.columns; ++j)
        product.v()[j * depth + k] = static_cast<float>(v[static_cast<std::size_t>(j * shape.depth + begin + k)]);
    }
    product.add(depth);
  }
  const std::span<const std::int32_t> c = product.finish();
  return {c.begin(), c.end()};
}

void expect_exact(const ProductShape& shape, Index largest, Index levels, Index longest = 4096, bool extreme = false) {
  auto u = whole_numbers(shape.rows, shape.depth, largest, 1),
       v = whole_numbers(shape.columns, shape.depth, largest, 2);
  if (extreme)  // the largest sums there can be, one less in the last place
    for (auto* matrix : {&u, &v}) std::fill(matrix->begin(), matrix->end(), static_cast<std::int32_t>(largest));
  if (extreme) u.back() -= 1;
  const auto c = multiplied(shape, u, v, largest, levels, longest);
  for (Index i = 0; i < shape.rows; ++i)
    for (Index j = 0; j < shape.columns; ++j) {
      std::int64_t sum = 0;
      for (Index k = 0; k < shape.depth; ++k)
        sum += std::int64_t{u[static_cast<std::size_t>(i * shape.depth + k)]} *
               v[static_cast<std::size_t>(j * shape.depth + k)];
      ASSERT_EQ(c[static_cast<std::size_t>(i * shape.columns + j)], sum)
          << "largest " << largest << " levels " << levels << " at " << i << ", " << j;
    }
}

// extents that are multiples of 2^levels, smaller than it, odd
constexpr ProductShape shapes[] = {{32, 48, 64}, {1, 1, 1}, {13, 7, 50}, {5, 33, 129}};

TEST(IntegerProduct, IsExactWhateverTheShapeAndTheLevels) {
  for (const ProductShape& shape : shapes)
    for (const Index levels : {0, 1, 2, 3})
      for (const Index longest : {4096, 20}) expect_exact(shape, 16, levels, longest);
}

TEST(IntegerProduct, StaysExactBeyondWhatFloatCanCount) {
  expect_exact({3, 4, 2000}, 1000, 0);            // 2e9: many times 2^24
  expect_exact({3, 4, 2000}, 1000, 0, 16, true);  // all of one sign
  expect_exact({2, 2, 127}, 4095, 0, 4096, true);
  expect_exact({8, 8, 120}, 4095, 3, 4096, true);
  expect_exact({128, 128, 128}, 4095, 7, 4096, true);  // the deepest recursion on the largest numbers
}

TEST(IntegerProduct, NeedsSevenEighthsOfTheMultiplicationsALevel) {
  const ProductShape shape{64, 32, 16};
  EXPECT_EQ(IntegerProduct::multiplications(shape, 4, 0), 64 * 32 * 16);
  EXPECT_EQ(IntegerProduct::multiplications(shape, 4, 1), 64 * 32 * 16 * 7 / 8);
  EXPECT_EQ(IntegerProduct::multiplications(shape, 4, 4), 64 * 32 * 16 / 4096 * 2401);
  EXPECT_EQ(IntegerProduct::multiplications({63, 31, 15}, 4, 1), 64 * 32 * 16 * 7 / 8);  // filled up with zeros
  EXPECT_EQ(IntegerProduct::multiplications({64, 32, 10'000}, 4, 1), 64 * 32 * 10'000 * Index{7} / 8);  // three panels
}

}  // namespace
}  // namespace breakeven
