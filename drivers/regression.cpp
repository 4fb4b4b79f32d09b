#include "driver.hpp"
#include "registry.hpp"

/// mpiexec -n P regression --help
int main(int argc, char** argv) {
  return breakeven::drive(argc, argv, "regression", breakeven::registry());
}
