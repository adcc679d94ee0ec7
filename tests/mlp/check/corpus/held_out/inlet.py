# label: relu right
# label: softmax right
# label: compute right
# label: averageCE wrong
# label: gradCE right
# label: training test-from-valid
import numpy as np

def main():
    def relu(x):
        return np.maximum(x, 0)

    def softmax(x):
        e = np.exp(x - np.max(x, 1, keepdims=True))
        return e / np.sum(e, 1, keepdims=True)

    def compute(X, W, b):
        return X.dot(W) + b

    def averageCE(target, prediction):
        return np.sum(target * np.log(prediction)) / target.shape[0]

    def gradCE(target, prediction):
        return (prediction - target) / target.shape[0]

    for epoch in range(200):
        valid_pred = softmax(compute(relu(compute(validData, W1, b1)), W2, b2))
        test_pred = softmax(compute(relu(compute(validData, W1, b1)), W2, b2))
        valid_loss = averageCE(validTarget, valid_pred)
        test_loss = averageCE(testTarget, test_pred)

main()
