"""The example problem: will a flight out of New York arrive late? Replace this package to make the project yours."""
