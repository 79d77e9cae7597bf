/** A model of the zoo; paths are below the folder of this file. */
export type ZooModel = {
	readonly name: string;
	/** What it is, in one line. */
	readonly summary: string;
	readonly path: string;
	/** Name of its input. */
	readonly input: string;
	/** Name of the output that decides, where there are several. */
	readonly output?: string;
	/** Typical inputs that are no test samples: what the compiler takes its ranges from. */
	readonly calibration: string;
	/** Samples of the test set and their labels; of a regression, the values that it should give. */
	readonly samples: string;
	readonly labels: string;
	readonly regression?: true;
	/** The folder below build/ with the whole test set (images.npy, labels.npy), of which the samples are the first. */
	readonly testSet?: string;
	/** Accuracy of the model itself in the clear, on its whole test set of this size; of a regression, R^2. */
	readonly clearAccuracy: number;
	readonly testSize: number;
	/** Part of the accuracy that the compiled model may lose, where it is more than 0.002. */
	readonly tolerance?: number;
};

export const models: readonly ZooModel[] = [
	{
		name: 'mnist-cryptonets',
		summary: 'the CryptoNets network on MNIST: convolution, square, 100, square, 10',
		path: 'mnist-cryptonets/model.onnx',
		input: 'image',
		calibration: 'mnist-cryptonets/model.calibration.npy',
		samples: 'mnist-cryptonets/samples/images.npy',
		labels: 'mnist-cryptonets/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.9922,
		testSize: 10000,
	},
	{
		name: 'breast-cancer',
		summary: 'the Wisconsin breast cancer data: 30 features, 16 ReLU, 1 sigmoid',
		path: 'breast-cancer/model.onnx',
		input: 'features',
		calibration: 'breast-cancer/model.calibration.npy',
		samples: 'breast-cancer/samples/features.npy',
		labels: 'breast-cancer/samples/labels.npy',
		clearAccuracy: 138 / 143,
		testSize: 143,
	},
	{
		name: 'tenseal-mnist',
		summary: "the network of TenSEAL's tutorial on MNIST: convolution, square, 64, square, 10",
		path: 'tenseal-mnist/model.onnx',
		input: 'image',
		calibration: 'tenseal-mnist/model.calibration.npy',
		samples: 'tenseal-mnist/samples/images.npy',
		labels: 'tenseal-mnist/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.99,
		testSize: 10000,
	},
	{
		name: 'lenet5-mnist',
		summary: 'LeNet-5 on MNIST with squares and average pooling: two convolutions, 120, 84, 10',
		path: 'lenet5-mnist/model.onnx',
		input: 'image',
		calibration: 'lenet5-mnist/model.calibration.npy',
		samples: 'lenet5-mnist/samples/images.npy',
		labels: 'lenet5-mnist/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.9952,
		testSize: 10000,
	},
	{
		name: 'mlp-mnist',
		summary: 'a perceptron on MNIST: 784, 128, square, 10',
		path: 'mlp-mnist/model.onnx',
		input: 'image',
		calibration: 'mlp-mnist/model.calibration.npy',
		samples: 'mlp-mnist/samples/images.npy',
		labels: 'mlp-mnist/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.9849,
		testSize: 10000,
	},
	{
		name: 'breast-cancer-logistic',
		summary: 'the Wisconsin breast cancer data: logistic regression on 30 features',
		path: 'breast-cancer-logistic/model.onnx',
		input: 'features',
		calibration: 'breast-cancer-logistic/model.calibration.npy',
		samples: 'breast-cancer-logistic/samples/features.npy',
		labels: 'breast-cancer-logistic/samples/labels.npy',
		clearAccuracy: 137 / 143,
		testSize: 143,
	},
];

/** Networks trained with nothing made for encryption: ordinary activations, norms and pooling. */
export const ordinary: readonly ZooModel[] = [
	{
		name: 'lenet5-relu-mnist',
		summary: 'LeNet-5 on MNIST with ReLU and maximum pooling: two convolutions, 120, 84, 10',
		path: 'lenet5-relu-mnist/model.onnx',
		input: 'image',
		calibration: 'lenet5-relu-mnist/model.calibration.npz',
		samples: 'lenet5-relu-mnist/samples/images.npz',
		labels: 'lenet5-relu-mnist/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.992,
		testSize: 10000,
	},
	{
		name: 'lenet-silu-mnist',
		summary: 'LeNet-5 on MNIST with SiLU and average pooling: two convolutions, 120, 84, 10',
		path: 'lenet-silu-mnist/model.onnx',
		input: 'image',
		calibration: 'lenet-silu-mnist/model.calibration.npz',
		samples: 'lenet-silu-mnist/samples/images.npz',
		labels: 'lenet-silu-mnist/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.9908,
		testSize: 10000,
	},
	{
		name: 'cnn-gelu-mnist',
		summary: 'MNIST: two convolutions, 64, 10 with GELU',
		path: 'cnn-gelu-mnist/model.onnx',
		input: 'image',
		calibration: 'cnn-gelu-mnist/model.calibration.npz',
		samples: 'cnn-gelu-mnist/samples/images.npz',
		labels: 'cnn-gelu-mnist/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.9903,
		testSize: 10000,
	},
	{
		name: 'resnet-mnist',
		summary: 'a residual network on MNIST: five convolutions with batch normalisation and ReLU',
		path: 'resnet-mnist/model.onnx',
		input: 'image',
		calibration: 'resnet-mnist/model.calibration.npz',
		samples: 'resnet-mnist/samples/images.npz',
		labels: 'resnet-mnist/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.9887,
		testSize: 10000,
	},
	{
		name: 'mobilenet-mnist',
		summary: 'a depthwise-separable network on MNIST with ReLU6',
		path: 'mobilenet-mnist/model.onnx',
		input: 'image',
		calibration: 'mobilenet-mnist/model.calibration.npz',
		samples: 'mobilenet-mnist/samples/images.npz',
		labels: 'mobilenet-mnist/samples/labels.npy',
		testSet: 'mnist',
		clearAccuracy: 0.9765,
		testSize: 10000,
	},
	{
		name: 'mixer-digits',
		summary: 'an MLP-Mixer on 8x8 digits: norms and perceptrons with GELU over tokens and channels',
		path: 'mixer-digits/model.onnx',
		input: 'image',
		calibration: 'mixer-digits/model.calibration.npz',
		samples: 'mixer-digits/samples/images.npz',
		labels: 'mixer-digits/samples/labels.npy',
		clearAccuracy: 440 / 450,
		testSize: 450,
	},
	{
		name: 'transformer-digits',
		summary: 'a transformer on 8x8 digits: a norm, then attention and a perceptron with GELU side by side',
		path: 'transformer-digits/model.onnx',
		input: 'image',
		calibration: 'transformer-digits/model.calibration.npz',
		samples: 'transformer-digits/samples/images.npz',
		labels: 'transformer-digits/samples/labels.npy',
		clearAccuracy: 441 / 450,
		testSize: 450,
		tolerance: 0.005,
	},
	{
		name: 'ecg',
		summary: 'single heart beats in five classes: 1-D convolutions with ReLU',
		path: 'ecg/model.onnx',
		input: 'series',
		calibration: 'ecg/model.calibration.npz',
		samples: 'ecg/samples/series.npz',
		labels: 'ecg/samples/labels.npy',
		clearAccuracy: 0.9625,
		testSize: 2000,
	},
	{
		name: 'mlp-digits',
		summary: '8x8 digits: 64, 32, 10 with ReLU',
		path: 'mlp-digits/model.onnx',
		input: 'features',
		output: 'probabilities',
		calibration: 'mlp-digits/model.calibration.npz',
		samples: 'mlp-digits/samples/features.npz',
		labels: 'mlp-digits/samples/labels.npy',
		clearAccuracy: 439 / 450,
		testSize: 450,
	},
	{
		name: 'mlp-wine',
		summary: "scikit-learn's wines: 13 features, 16 tanh, 3",
		path: 'mlp-wine/model.onnx',
		input: 'features',
		output: 'probabilities',
		calibration: 'mlp-wine/model.calibration.npy',
		samples: 'mlp-wine/samples/features.npy',
		labels: 'mlp-wine/samples/labels.npy',
		clearAccuracy: 1,
		testSize: 45,
	},
	{
		name: 'mlp-diabetes',
		summary: 'the progression of diabetes: 10 features, 16 ReLU, 1',
		path: 'mlp-diabetes/model.onnx',
		input: 'features',
		calibration: 'mlp-diabetes/model.calibration.npy',
		samples: 'mlp-diabetes/samples/features.npy',
		labels: 'mlp-diabetes/samples/targets.npy',
		regression: true,
		clearAccuracy: 0.3454,
		testSize: 111,
	},
];

/** Networks made for encryption whose compilation takes minutes: too long for what compiles all of `models`. */
export const large: readonly ZooModel[] = [
	{
		name: 'cifar10',
		summary: 'CIFAR-10 (JPEG): four convolutions with learned polynomials of degree 2, average pooling, 10',
		path: 'cifar10/model.onnx',
		input: 'image',
		calibration: 'cifar10/model.calibration.npy',
		samples: 'cifar10/samples/images.npy',
		labels: 'cifar10/samples/labels.npy',
		testSet: 'cifar10',
		clearAccuracy: 0.8266,
		testSize: 10000,
	},
];

export const zoo: readonly ZooModel[] = [...models, ...ordinary, ...large];
